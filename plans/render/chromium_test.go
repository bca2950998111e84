package render_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/meshplan/meshplan/plans/render"
)

// TestPagesInChromium opens the reports in a browser without a screen: narrow and wide, light and dark. Nothing is wider
// than the window but what scrolls by itself, the page asks for nothing, and the background follows the reader's choice.
// With MESHPLAN_PAGES=DIR the screenshots stay there.
func TestPagesInChromium(t *testing.T) {
	browser := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
			break
		}
	}
	if browser == "" {
		t.Skip("no Chromium is installed, in which the reports are looked at")
	}
	if testing.Short() {
		t.Skip("a browser takes its time")
	}
	dirGiven := os.Getenv("MESHPLAN_PAGES")
	dir := dirGiven
	if dir == "" {
		dir = t.TempDir()
	}
	pages := map[string]func(*bytes.Buffer) error{
		"plan": func(b *bytes.Buffer) error { return render.HTML(b, hostilePlan(t), render.HTMLOptions{}) },
		"run":  func(b *bytes.Buffer) error { return render.RunHTML(b, finished(t)) },
		"500":  func(b *bytes.Buffer) error { return render.HTML(b, braid(50, 10), render.HTMLOptions{}) },
	}
	for name, write := range pages {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, name+".html")
		if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, width := range []int{420, 1280} {
			for _, scheme := range []string{"light", "dark"} {
				if (width == 420) == (scheme == "light") && dirGiven == "" { // a browser takes seconds: half of the combinations
					continue
				}
				t.Run(fmt.Sprintf("%s_%d_%s", name, width, scheme), func(t *testing.T) {
					w := window{t: t, browser: browser, width: width, dark: scheme == "dark"}
					shot := filepath.Join(dir, fmt.Sprintf("%s_%d_%s.png", name, width, scheme))
					w.run("--screenshot="+shot, "file://"+file)
					checkBackground(t, shot, w.dark)
					m := w.measure(file)
					if m.Content > m.Window {
						t.Errorf("the page is %d wide in a window of %d: %s sticks out", m.Content, m.Window, m.Widest)
					}
					if m.Requests > 0 || m.Text == 0 {
						t.Errorf("%d requests, %d characters of text", m.Requests, m.Text)
					}
				})
			}
		}
	}
}

// window is a browser without a screen.
type window struct {
	t       *testing.T
	browser string
	width   int
	dark    bool
}

func (w window) run(args ...string) []byte {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*time.Minute)
	defer cancel()
	scheme := "1"
	if w.dark {
		scheme = "0"
	}
	flags := []string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
		"--disable-sync", "--hide-scrollbars", "--user-data-dir=" + w.t.TempDir(), fmt.Sprintf("--window-size=%d,1600", w.width), "--blink-settings=preferredColorScheme=" + scheme}
	cmd := exec.CommandContext(ctx, w.browser, append(flags, args...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		w.t.Fatalf("%s: %v\n%s", w.browser, err, &errs)
	}
	return out
}

// measured is what a page says about itself.
type measured struct {
	Window, Content, Requests, Text int
	Widest                          string
}

// measure opens a page in a frame: its own policy allows no script.
func (w window) measure(file string) (m measured) {
	w.t.Helper()
	outer := filepath.Join(filepath.Dir(file), filepath.Base(file)+".outer.html")
	text := `<!doctype html><style>body{margin:0}</style><iframe id=f src="` + filepath.Base(file) + `" style="border:0;width:` + fmt.Sprint(w.width) + `px;height:1600px"></iframe>
<pre id=out></pre><script>
document.getElementById("f").addEventListener("load", e => {
  const d = e.target.contentDocument, e0 = d.documentElement; let widest = "", most = e0.clientWidth
  for (const n of d.querySelectorAll("body *")) { const r = n.getBoundingClientRect(); if (r.right > most && !n.closest("svg, pre, .scroll")) { most = r.right; widest = n.tagName + "." + n.className } }
  document.getElementById("out").textContent = JSON.stringify({window: e0.clientWidth, content: e0.scrollWidth, widest, text: d.body.innerText.length,
    requests: e.target.contentWindow.performance.getEntriesByType("resource").length})
})</script>`
	if err := os.WriteFile(outer, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	dom := w.run("--allow-file-access-from-files", "--virtual-time-budget=5000", "--dump-dom", "file://"+outer)
	found := regexp.MustCompile(`(?s)<pre id="out">(.*?)</pre>`).FindSubmatch(dom)
	if found == nil || json.Unmarshal([]byte(strings.ReplaceAll(string(found[1]), "&quot;", `"`)), &m) != nil {
		w.t.Fatalf("the page was not measured: %s", found)
	}
	return m
}

// checkBackground looks at the corner of a screenshot.
func checkBackground(t *testing.T, shot string, dark bool) {
	t.Helper()
	f, err := os.Open(shot)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // only read
	picture, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	corner := color.GrayModel.Convert(picture.At(2, 2)).(color.Gray).Y
	if dark != (corner < 100) {
		t.Errorf("the background has the brightness %d, and dark is %t", corner, dark)
	}
}
