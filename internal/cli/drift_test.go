package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/meshplan/meshplan/internal/alarm"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/memory"
)

// job is a drift job over objects in memory, with a clock and a webhook.
type job struct {
	t     *testing.T
	world *memory.World
	dir   string
	now   time.Time
	env   []string

	code     atomic.Int64 // what the webhook answers
	messages []alarm.Message
	raw      [][]byte
}

func newJob(t *testing.T) (*job, *httptest.Server) {
	t.Helper()
	j := &job{t: t, world: memory.NewWorld(), dir: t.TempDir(), now: time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC)}
	j.code.Store(204)
	if err := os.WriteFile(filepath.Join(j.dir, "shop.mesh.hcl"), []byte(`
resource "memory_object" "web" {
  for_each = toset(["eu", "<!channel>"])
  name     = each.key
  input    = { text = "S3CRET-value" }
}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if code := int(j.code.Load()); code != 204 {
			w.WriteHeader(code)
			return
		}
		if got := r.Header.Get(alarm.HeaderSignature); got != alarm.Sign([]byte("shared"), r.Header.Get(alarm.HeaderTimestamp), body) {
			t.Errorf("signature %q", got)
		}
		var m alarm.Message
		if err := json.Unmarshal(body, &m); err != nil {
			t.Error(err)
		}
		j.messages, j.raw = append(j.messages, m), append(j.raw, body)
	}))
	t.Cleanup(hook.Close)
	j.run(0, "apply", "--auto-approve", j.dir)
	return j, hook
}

// run runs a command and returns what it said.
func (j *job) run(code int, args ...string) string {
	j.t.Helper()
	var out bytes.Buffer
	a := &app{in: strings.NewReader(""), out: &out, err: &out, env: append([]string{"MESHPLAN_WEBHOOK_SECRET=shared"}, j.env...),
		registry: func(connection) providers.Registry { return providers.Registry{"memory": memory.New(j.world)} }, now: func() time.Time { return j.now }}
	if got := run(a, args); got != code {
		j.t.Fatalf("%v: exit code %d, want %d\n%s", args, got, code, &out)
	}
	return out.String()
}

func (j *job) put(name, text string) {
	o := j.world.Objects()[name]
	o.Input = `{"value":{"text":"` + text + `"},"type":["object",{"text":"string"}]}`
	j.world.Put(name, o)
}

// TestDriftIsToldOnce follows a drift job through some nights: what is new is told, what is known is not, a message that
// nobody took is sent again, and what could not be read resolves nothing.
func TestDriftIsToldOnce(t *testing.T) {
	j, hook := newJob(t)
	memoryFile := filepath.Join(t.TempDir(), "told.json")
	look := func(code int, more ...string) string {
		t.Helper()
		j.now = j.now.Add(24 * time.Hour)
		return j.run(code, append([]string{"drift", "--remember", "file:" + memoryFile, "--webhook", hook.URL + "/T0KEN", "--link", "https://ci.example/1"}, append(more, j.dir)...)...)
	}
	told := func(events ...string) {
		t.Helper()
		var got []string
		for _, m := range j.messages {
			got = append(got, m.Event)
		}
		if strings.Join(got, " ") != strings.Join(events, " ") {
			t.Fatalf("told %v, want %v", got, events)
		}
	}
	look(0)
	told()

	j.put("eu", "S3CRET-other")
	j.code.Store(403)
	if said := look(2); !strings.Contains(said, "drift.message") || strings.Contains(said, "T0KEN") {
		t.Error(said)
	}
	if _, err := os.Stat(memoryFile); err == nil {
		t.Error("it is remembered as told, and nobody was told")
	}
	j.code.Store(204)
	look(2)
	told("new")
	if said := look(2); !strings.Contains(said, "nobody is told again") {
		t.Error(said)
	}
	told("new")

	j.world.Remove("<!channel>")
	look(2)
	told("new", "changed")
	m := j.messages[1]
	if len(m.New) != 1 || m.New[0].Kind != alarm.Gone || m.Counts.Items != 2 || m.Link != "https://ci.example/1" || m.Directory != j.dir {
		t.Errorf("%s", j.raw[1])
	}

	j.world.SetFault(func(op, _ string) (error, bool) {
		if op == "read" {
			return io.ErrUnexpectedEOF, false
		}
		return nil, false
	})
	look(1)
	told("new", "changed")
	j.world.SetFault(nil)

	for range 5 {
		look(2)
	}
	told("new", "changed")
	look(2)
	told("new", "changed", "reminder")

	j.run(0, "apply", "--auto-approve", j.dir)
	look(0)
	told("new", "changed", "reminder", "resolved")
	look(0)
	told("new", "changed", "reminder", "resolved")

	for _, b := range j.raw {
		if bytes.Contains(b, []byte("S3CRET")) {
			t.Errorf("a message holds a value: %s", b)
		}
	}
	if b, err := os.ReadFile(memoryFile); err != nil || bytes.Contains(b, []byte("S3CRET")) {
		t.Errorf("the memory: %v, %s", err, b)
	}

	// A damaged memory is an error, and keeps nothing quiet.
	j.put("eu", "again")
	if err := os.WriteFile(memoryFile, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := look(1, "--drift-exit-code", "0"); !strings.Contains(said, "drift.memory") {
		t.Error(said)
	}
	told("new", "changed", "reminder", "resolved", "new")
	look(0, "--drift-exit-code", "0")
	told("new", "changed", "reminder", "resolved", "new")
}

func TestDriftToSlack(t *testing.T) {
	j, hook := newJob(t)
	secret := filepath.Join(t.TempDir(), "url")
	var text string
	slack := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var form struct{ Text string }
		if err := json.NewDecoder(r.Body).Decode(&form); err != nil || r.URL.Path != "/services/T0KEN" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		text = form.Text
	}))
	defer slack.Close()
	if err := os.WriteFile(secret, []byte(slack.URL+"/services/T0KEN\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	j.put("<!channel>", "elsewhere")
	said := j.run(2, "drift", "--webhook-file", secret, "--webhook-format", "slack", j.dir)
	if want := "+ `memory_object.web[\"&lt;!channel&gt;\"]` changed `input.text`"; !strings.Contains(text, want) {
		t.Errorf("Slack gets\n%s\nwant\n%s", text, want)
	}
	if strings.Contains(said, "T0KEN") {
		t.Error(said)
	}
	// Without a memory every look tells; the environment names the webhook as well.
	j.env = []string{"MESHPLAN_WEBHOOK=" + hook.URL}
	j.run(2, "drift", j.dir)
	j.run(2, "drift", j.dir)
	if len(j.messages) != 2 {
		t.Errorf("%d messages", len(j.messages))
	}
	for _, args := range [][]string{
		{"--webhook", "S3CRET"}, {"--webhook", "file:///S3CRET"}, {"--pushgateway", "S3CRET"}, {"--webhook", hook.URL, "--webhook-file", secret},
		{"--webhook-format", "xml"}, {"--link", "x"}, {"--remember", "x"}, {"--remember", "configmap:x"}, {"--remember", "file:"}, {"--remind-days", "-1"}, {"--metrics-label", "x"},
	} {
		if said := j.run(1, append(append([]string{"drift"}, args...), j.dir)...); strings.Contains(said, "S3CRET") || !strings.Contains(said, args[0]) {
			t.Errorf("%v: %s", args, said)
		}
	}
	j.env = nil
	for _, file := range []string{filepath.Join(t.TempDir(), "none"), os.DevNull} {
		if said := j.run(2, "drift", "--webhook-file", file, j.dir); !strings.Contains(said, "drift.message") {
			t.Errorf("%s: %s", file, said)
		}
	}
}
