package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/meshplan/meshplan/internal/golden"
)

// recorded session: a rollout that stands, changed in every way, with one step that fails.
const (
	sessionBefore = `
resource "memory_object" "base" {
  name  = "base"
  input = { replicas = 2, image = "registry.example.com/a-platform-team/with-a-long-name/shop/userservice:1.2.3-20261125", script = "one\ntwo\nthree\nfour\nfive\nsix\nseven\n" }
}

resource "memory_object" "moved" {
  name       = "old-name"
  depends_on = [memory_object.base]
}

resource "memory_object" "gone" {
  name       = "gone"
  input      = { text = "nobody wants this any more" }
  depends_on = [memory_object.moved]
}
`
	sessionAfter = `
variable "password" {
  type      = string
  sensitive = true
  default   = "planted-4711"
}

resource "memory_object" "base" {
  name  = "base"
  input = { replicas = 3, image = "registry.example.com/a-platform-team/with-a-long-name/shop/userservice:1.2.4-20261125", script = "one\ntwo\nthree\nFOUR\nfive\nsix\nseven\n" }
}

resource "memory_object" "moved" {
  name       = "new-name"
  depends_on = [memory_object.base]
}

resource "memory_object" "made" {
  name       = "made"
  secret     = var.password
  input      = { ports = [80, 443], ca = file("ca.pem") }
  depends_on = [memory_object.moved]
}

resource "memory_object" "after_a_long_chain_of_things" {
  name       = "after"
  depends_on = [memory_object.made]
}

output "base" {
  value = memory_object.base.id
}
`
	sessionCA = `-----BEGIN CERTIFICATE-----
MIIBgDCCASWgAwIBAgIUMCYqK0LjeoAN6oHTy9Yqa7FaOrowCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKZXhhbXBsZSBDQTAeFw0yNjExMjMxNjM1NTFaFw0zNjExMjAx
NjM1NTFaMBUxEzARBgNVBAMMCmV4YW1wbGUgQ0EwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAS9PFI0p20Ry6rnTvx9TZhNzp4I89R4zgc8qetNOQBiDZJYpatagbyF
tt8A85WvS0tOMRVlR03ThQhLFpH6P3LVo1MwUTAdBgNVHQ4EFgQUVH0XwGELl5Ix
ArQFC4DA+PG9X9gwHwYDVR0jBBgwFoAUVH0XwGELl5IxArQFC4DA+PG9X9gwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEAuOvUnttkG2G2z7UBHjjq
0R1gX0W5eis1XPKuW4Cl68ACIQCrhybX4e9Xuw3xCZiW3h1WLvPqV9LjDh15xwnf
y+xwew==
-----END CERTIFICATE-----
`
)

// TestTerminal records plan and apply in a terminal of 80 and of 120 columns, with and without colour: what people see,
// prompt and redrawn lines included.
func TestTerminal(t *testing.T) {
	tmux, err := exec.LookPath("tmux")
	if err != nil {
		t.Skip("tmux, in which the session is recorded, is not installed")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, width := range []int{80, 120} {
		for _, color := range []string{"never", "always"} {
			t.Run(fmt.Sprintf("%d_%s", width, color), func(t *testing.T) {
				s := &session{t: t, tmux: tmux, dir: t.TempDir(), width: width, color: color}
				if err := os.Symlink(self, filepath.Join(s.dir, "meshplan")); err != nil {
					t.Fatal(err)
				}
				screen := s.record()
				if strings.Contains(screen, "planted") {
					t.Error("a secret is on the screen")
				}
				golden.Check(t, fmt.Sprintf("terminal/%d_%s", width, color), []byte(tags(screen)),
					golden.Replace(`\d+\.\d+s`, "N.Ns", `serial \d+`, "serial N"))
			})
		}
	}
}

// tags writes colours as words in braces where they change, whatever sequences this version of tmux writes for them.
func tags(screen string) string {
	names := map[string]string{"1": "bold", "2": "faint", "31": "red", "32": "green", "33": "yellow", "34": "blue", "35": "magenta", "36": "cyan"}
	var b strings.Builder
	style, color, shown := "", "", "{}"
	for len(screen) > 0 {
		if rest, ok := strings.CutPrefix(screen, "\x1b["); ok {
			codes, after, _ := strings.Cut(rest, "m")
			screen = after
			for code := range strings.SplitSeq(codes, ";") {
				switch {
				case code == "" || code == "0":
					style, color = "", ""
				case code == "22":
					style = ""
				case code == "39":
					color = ""
				case code == "1" || code == "2":
					style = names[code]
				case names[code] != "":
					color = names[code]
				}
			}
			continue
		}
		r, size := utf8.DecodeRuneInString(screen)
		if now := "{" + strings.Join(strings.Fields(style+" "+color), " ") + "}"; now != shown && !unicode.IsSpace(r) {
			b.WriteString(now)
			shown = now
		}
		b.WriteRune(r)
		screen = screen[size:]
	}
	return b.String()
}

type session struct {
	t         *testing.T
	tmux, dir string
	width     int
	color     string
}

func (s *session) run(args ...string) string {
	s.t.Helper()
	cmd := exec.Command(s.tmux, append([]string{"-S", filepath.Join(s.dir, "socket"), "-f", "/dev/null"}, args...)...)
	cmd.Env = append(os.Environ(), "TMUX=", "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("tmux %s: %v: %s", args[0], err, out)
	}
	return string(out)
}

func (s *session) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// record applies the first configuration out of sight, then plans the second one and applies it by hand.
func (s *session) record() string {
	if err := os.Mkdir(filepath.Join(s.dir, "shop"), 0o700); err != nil {
		s.t.Fatal(err)
	}
	s.write("shop/shop.mesh.hcl", sessionBefore)
	s.write("shop/ca.pem", sessionCA)
	s.write("run.sh", `
cd shop
../meshplan apply --auto-approve >/dev/null 2>&1
mv -f ../after.mesh.hcl shop.mesh.hcl
echo '$ meshplan plan --only=replace,delete'
../meshplan plan --only=replace,delete --color `+s.color+`
echo '$ meshplan apply'
FAIL=create:made ../meshplan apply --parallelism 1 --color `+s.color+`
echo "exit code $?"
read -r end
`)
	s.write("after.mesh.hcl", sessionAfter)
	env := []string{"-e", "WORLD=" + filepath.Join(s.dir, "world.json"), "-e", "LANG=C.UTF-8", "-e", "LC_ALL=C.UTF-8", "-e", "HOME=" + s.dir, "-e", "NO_COLOR=", "-e", "MESHPLAN_LOG="}
	s.run(append(append([]string{"new-session", "-d", "-x", fmt.Sprint(s.width), "-y", "160"}, env...), "cd '"+s.dir+"' && sh run.sh")...)
	defer s.run("kill-server")
	s.waitFor("Enter a value:")
	s.run("send-keys", "yes", "Enter")
	return s.waitFor("exit code")
}

// waitFor returns the screen once a text is on it.
func (s *session) waitFor(text string) string {
	s.t.Helper()
	capture := []string{"capture-pane", "-p"}
	if s.color == "always" {
		capture = append(capture, "-e")
	}
	var screen string
	for range 1200 {
		if screen = s.run(capture...); strings.Contains(screen, text) {
			return strings.TrimRight(screen, "\n") + "\n"
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.t.Fatalf("%q does not appear:\n%s", text, screen)
	return ""
}
