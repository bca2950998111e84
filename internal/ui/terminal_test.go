package ui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/providers"
)

// safeBuffer may be read while a view writes.
type safeBuffer struct {
	mu sync.Mutex // guards b
	b  bytes.Buffer
}

func (s *safeBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestDetect(t *testing.T) {
	for _, tt := range []struct {
		env   map[string]string
		mode  ColorMode
		color bool
		width int
		ascii bool
	}{
		{nil, ColorAuto, false, 80, false},
		{map[string]string{"COLUMNS": "120"}, ColorAlways, true, 120, false},
		{map[string]string{"COLUMNS": "10", "NO_COLOR": "1", "CLICOLOR_FORCE": "1"}, ColorAuto, false, 40, false},
		{map[string]string{"COLUMNS": "wide", "CLICOLOR_FORCE": "1"}, ColorAuto, true, 80, false},
		{map[string]string{"FORCE_COLOR": "0"}, ColorAuto, false, 80, false},
		{map[string]string{"FORCE_COLOR": "3", "LANG": "C"}, ColorNever, false, 80, true},
		{map[string]string{"NO_COLOR": "1", "LC_ALL": "de_DE.UTF-8", "LANG": "C"}, ColorAlways, true, 80, false},
	} {
		got := Detect(strings.NewReader(""), io.Discard, io.Discard, func(k string) string { return tt.env[k] }, tt.mode)
		if got.OutPaint.On != tt.color || got.Width != tt.width || got.ASCII != tt.ascii || got.InTTY || got.Live {
			t.Errorf("Detect(%v, %s) = %+v, want colour %t, width %d, ASCII %t", tt.env, tt.mode, got, tt.color, tt.width, tt.ascii)
		}
	}
}

func TestConfirm(t *testing.T) {
	for in, want := range map[string]bool{"yes\n": true, " yes \n": true, "yes": true, "y\n": false, "YES\n": false, "": false, "no\nyes\n": false} {
		var b bytes.Buffer
		got, err := Confirm(t.Context(), &Terminal{In: strings.NewReader(in), Err: &b}, "Go on?")
		if err != nil || got != want {
			t.Errorf("Confirm(%q) = %t, %v, want %t", in, got, err, want)
		}
		if !strings.Contains(b.String(), "Go on?\n  Only 'yes' will be accepted.") {
			t.Errorf("it asks %q", b.String())
		}
	}
}

func TestConfirmInterrupted(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close() // lets the reader go
	why := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if ok, err := Confirm(ctx, &Terminal{In: r, Err: io.Discard}, "Go on?"); ok || !errors.Is(err, why) {
		t.Errorf("Confirm = %t, %v, want the reason of the end", ok, err)
	}
}

func TestFailureIsBounded(t *testing.T) {
	r := &engine.Result{Run: 3, Failed: []addr.Instance{object("bad")}}
	for range 500 {
		r.Skipped = append(r.Skipped, engine.Skip{Addr: object("s"), Cause: object("bad")})
		r.Canceled = append(r.Canceled, object("c"))
	}
	var b bytes.Buffer
	Failure(&Terminal{Err: &b, Width: 80}, r, nil, []Next{{"meshplan apply", "go on"}})
	out := b.String()
	if n := strings.Count(out, "\n"); n > 60 {
		t.Errorf("%d lines", n)
	}
	for _, want := range []string{"failed    memory_object.bad", "skipped   480 more", "not run   480 more", "meshplan apply   go on"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
}

// The last words of a step that failed are repeated at the end, where people look; those of another run with the same
// address, and of steps that went well, are not.
func TestFailureRepeatsTheTrail(t *testing.T) {
	var trail Trail
	step := engine.Step{Index: 1, Addr: object("web"), Op: plans.OpCreate, Action: plans.Create}
	say := func(n int, text string) {
		trail.Handle(engine.StepProgress{Step: step, Progress: providers.Progress{Message: text, Waiting: true}, Elapsed: time.Duration(n) * time.Second})
	}
	trail.Handle(engine.RunStarted{Run: 3})
	trail.Handle(engine.StepProgress{Step: engine.Step{Index: 2, Addr: object("fine")}, Progress: providers.Progress{Message: "all is well"}})
	for i, text := range []string{"one", "two", "three", "four", "four", "0/2 replicas are available; pod web-1 cannot pull the image registry.example.com/shop/web:1.2.3 (manifest unknown)"} {
		say(10*i, text)
	}
	trail.Handle(engine.StepFailed{Step: step, Elapsed: 5 * time.Minute, Diagnostics: hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "Object not ready in time"}}})
	trail.Handle(engine.StepDone{Step: engine.Step{Index: 2}})
	trail.Handle(engine.RunStarted{Run: 4}) // the rollback
	trail.Handle(engine.StepFailed{Step: step, Elapsed: time.Second, Diagnostics: hcl.Diagnostics{{Severity: hcl.DiagError, Summary: "Gone"}}})
	var b bytes.Buffer
	Failure(&Terminal{Err: &b, Width: 80}, &engine.Result{Run: 3, Failed: []addr.Instance{object("web")}, RolledBack: &engine.Result{Run: 4, Failed: []addr.Instance{object("web")}}}, &trail, nil)
	want := `  failed    memory_object.web
            after 10s: two
            after 20s: three
            after 30s: four
            after 50s: 0/2 replicas are available; pod web-1 cannot pull the
              image registry.example.com/shop/web:1.2.3 (manifest unknown)
            create failed after 5m00s: Object not ready in time
`
	if !strings.Contains(b.String(), want) || !strings.Contains(b.String(), "create failed after 1.0s: Gone\n") || strings.Contains(b.String(), "well") {
		t.Errorf("got:\n%s\nwant in it:\n%s", b.String(), want)
	}
}

func TestSpan(t *testing.T) {
	for want, seconds := range map[string]float64{"0.4s": 0.4, "41s": 41.2, "2m05s": 125, "1h02m": 3725} {
		if got := span(time.Duration(seconds * float64(time.Second))); got != want {
			t.Errorf("span(%v) = %s, want %s", seconds, got, want)
		}
	}
}
