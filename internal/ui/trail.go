package ui

import (
	"fmt"
	"sync"
	"time"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/addr"
)

// maxTrail bounds what is repeated of a step that failed.
const maxTrail = 4

// Trail remembers what steps said before they failed, so that it can be repeated where people look for the reason: at
// the end. The zero value is ready; a nil Trail remembers nothing. It is an engine.Sink and safe for concurrent use.
type Trail struct {
	mu     sync.Mutex // guards what follows
	run    uint64
	said   map[int][]saying // by step, of those in flight
	failed map[failedStep]failure
}

type failedStep struct {
	run  uint64
	addr string
}

type saying struct {
	text string
	at   time.Duration // after the step began
}

type failure struct {
	verb, why string
	elapsed   time.Duration
	said      []saying
}

// Handle implements engine.Sink.
func (t *Trail) Handle(e engine.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch e := e.(type) {
	case engine.RunStarted:
		t.run, t.said = uint64(e.Run), map[int][]saying{}
	case engine.StepProgress:
		text := says(e.Progress)
		list := t.said[e.Step.Index]
		if n := len(list); text == "" || n > 0 && list[n-1].text == text {
			return
		}
		if len(list) == maxTrail {
			list = append(list[:0], list[1:]...)
		}
		t.said[e.Step.Index] = append(list, saying{text, e.Elapsed})
	case engine.StepDone:
		delete(t.said, e.Step.Index)
	case engine.StepFailed:
		if t.failed == nil {
			t.failed = map[failedStep]failure{}
		}
		t.failed[failedStep{t.run, e.Step.Addr.String()}] = failure{verb: verb(e.Step), why: firstError(e.Diagnostics), elapsed: e.Elapsed, said: t.said[e.Step.Index]}
		delete(t.said, e.Step.Index)
	}
}

// lines returns what there is to say about a step of a run that failed.
func (t *Trail) lines(run uint64, a addr.Instance) (out []string) {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	f, ok := t.failed[failedStep{run, a.String()}]
	if !ok {
		return nil
	}
	for _, s := range f.said {
		out = append(out, fmt.Sprintf("after %s: %s", span(s.at), s.text))
	}
	out = append(out, fmt.Sprintf("%s failed after %s: %s", f.verb, span(f.elapsed), f.why))
	return out
}
