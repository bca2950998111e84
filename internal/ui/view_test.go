package ui

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/hcl/v2"
	"go.uber.org/goleak"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/golden"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/providers"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func object(name string) addr.Instance {
	return addr.Instance{Resource: addr.Resource{Mode: addr.Managed, Type: "memory_object", Name: name}}
}

// script plays a run on a view: anchor and plane are made, plane reports progress, gate fails, shop is skipped
// because of it, and the last step is not begun because somebody interrupts.
func script(v View) {
	p := &plans.Plan{Mode: plans.Normal}
	for _, name := range []string{"anchor", "plane", "gate", "shop", "tail"} {
		p.Changes = append(p.Changes, &plans.Change{Addr: object(name), Action: plans.Create})
	}
	p.Steps = []plans.Step{{Change: 0, Op: plans.OpCreate}, {Change: 1, Op: plans.OpCreate}, {Change: -1, Op: plans.OpPass, Deps: []int{0, 1}},
		{Change: 2, Op: plans.OpCreate, Deps: []int{2}}, {Change: 3, Op: plans.OpCreate, Deps: []int{3}}, {Change: 4, Op: plans.OpCreate, Deps: []int{3}}}
	step := func(n int) engine.Step {
		return engine.Step{Index: n, Addr: p.Changes[p.Steps[n].Change].Addr, Op: p.Steps[n].Op, Action: plans.Create}
	}
	v.Handle(engine.RefreshStarted{Total: 3})
	time.Sleep(400 * time.Millisecond)
	v.Handle(engine.RefreshDone{Total: 3, Drifted: 1, Elapsed: 400 * time.Millisecond})
	v.Handle(engine.RunStarted{Run: 7, Plan: p, Total: 5})
	v.Handle(engine.StepStarted{Step: step(0)})
	v.Handle(engine.StepStarted{Step: step(1)})
	time.Sleep(1200 * time.Millisecond)
	v.Handle(engine.StepDone{Step: step(0), Elapsed: 1200 * time.Millisecond})
	for i := range 3 {
		v.Handle(engine.StepProgress{Step: step(1), Elapsed: time.Duration(i+1) * time.Second, Progress: providers.Progress{Message: "pods ready\x1b[2J", Done: i, Total: 3, Waiting: true}})
		time.Sleep(time.Second)
	}
	time.Sleep(40 * time.Second)
	v.Handle(engine.StepDone{Step: step(1), Elapsed: 44 * time.Second})
	v.Handle(engine.StepStarted{Step: step(3)})
	time.Sleep(time.Second)
	v.Handle(engine.StepFailed{Step: step(3), Elapsed: time.Second, Diagnostics: hcl.Diagnostics{diag.Errorf("gate.timeout", "Gate not passed", "2 of 3.")}})
	v.Handle(engine.StepSkipped{Step: step(4), Cause: object("gate")})
	v.Handle(engine.Stopping{InFlight: []addr.Instance{object("tail")}})
	v.Handle(engine.StepSkipped{Step: step(5)})
	v.Say("aborting")
	time.Sleep(time.Second)
	v.Close()
	v.Close() // harmless
}

func TestPlain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		script(NewPlain(&b))
		golden.Check(t, "plain", b.Bytes())
	})
}

func TestStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		s := NewStream(&b, "1.2.3", time.Now)
		script(NewStreamView(s))
		s.Diagnostics(hcl.Diagnostics{diag.Warningf("a.b", "Careful", "Really.")}, nil)
		golden.Check(t, "stream", b.Bytes())
		for l := range strings.Lines(b.String()) {
			var m struct {
				Type      string
				Timestamp time.Time `json:"@timestamp"`
			}
			if err := json.Unmarshal([]byte(l), &m); err != nil || m.Type == "" || m.Timestamp.IsZero() {
				t.Errorf("line %q: %v", l, err)
			}
		}
	})
}

// screenshot plays what was written on a terminal and returns what is on it.
func screenshot(t *testing.T, out string) (lines []string) {
	t.Helper()
	row := 0
	for out != "" {
		if rest, ok := strings.CutPrefix(out, "\x1b["); ok {
			end := strings.IndexAny(rest, "AJm")
			switch n, _ := strconv.Atoi(rest[:end]); rest[end] {
			case 'A':
				row -= n
			case 'J':
				lines = lines[:row]
			}
			if row < 0 {
				t.Fatal("the cursor left the screen")
			}
			out = rest[end+1:]
			continue
		}
		text, rest, ok := strings.Cut(out, "\n")
		if i := strings.Index(text, "\x1b["); i >= 0 {
			text, rest, ok = text[:i], out[i:], false
		}
		for len(lines) <= row {
			lines = append(lines, "")
		}
		lines[row] += strings.TrimPrefix(text, "\r")
		if ok {
			row++
		}
		out = rest
	}
	return lines
}

// What is left on the screen when the run is over is what happened, and nothing of the region.
func TestLive(t *testing.T) {
	for _, width := range []int{40, 80, 120} {
		synctest.Test(t, func(t *testing.T) {
			var b safeBuffer
			v := NewLive(&Terminal{Err: &b, Width: width})
			go func() {
				time.Sleep(4050 * time.Millisecond) // between two ticks
				shot := screenshot(t, b.String())
				for _, l := range shot {
					if len([]rune(l)) >= width && strings.Contains(l, "waiting") {
						t.Errorf("at %d: a line of the region is too long: %q", width, l)
					}
				}
				golden.Check(t, fmt.Sprintf("live-%d-running", width), []byte(strings.Join(shot, "\n")))
			}()
			script(v)
			golden.Check(t, fmt.Sprintf("live-%d", width), []byte(strings.Join(screenshot(t, b.String()), "\n")))
		})
	}
}

func TestQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		script(NewView(ProgressQuiet, &Terminal{Err: &b}))
		if b.Len() > 0 {
			t.Errorf("quiet says %q", b.String())
		}
	})
}

// A writer that blocks must not block the engine.
func TestHandleNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &blockingWriter{release: make(chan struct{})}
		v := NewPlain(w)
		for range 100_000 {
			v.Handle(engine.RefreshStarted{Total: 1})
		}
		close(w.release)
		v.Close()
		if w.writes != 100_000 {
			t.Errorf("%d lines arrived, want 100000", w.writes)
		}
	})
}

type blockingWriter struct {
	release chan struct{}
	writes  int
}

func (w *blockingWriter) Write(b []byte) (int, error) {
	<-w.release
	w.writes++
	return len(b), errors.New("nobody cares")
}
