package dag

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/meshplan/meshplan/internal/golden"
)

// symbols are the states as the timelines show them.
var symbols = map[Status]string{
	Waiting: "·", Ready: "○", Running: "▶", Done: "✓", Failed: "✗", Skipped: "–", Canceled: "⊘",
}

// script is what a visit does: work with the slot, wait without it, then fail perhaps. Times are in seconds.
type script struct {
	work, wait time.Duration
	fail       bool
}

// TestTimelines draws walks: a line for each node, a column for each second in which something changed.
func TestTimelines(t *testing.T) {
	const rollout = "issuer: anchor; plane: issuer crds; viz: plane; inject: plane; restart-a: inject; restart-b: inject;" +
		"deny: policy restart-a restart-b; policy: crds; verify: deny viz"
	for _, tt := range []struct {
		name, graph string
		limit       int
		stop        time.Duration // zero means never
		scripts     map[string]script
	}{
		{"rollout", rollout, 2, 0, map[string]script{"plane": {work: 2, wait: 4}, "viz": {work: 1, wait: 3}, "restart-a": {work: 1, wait: 2}, "restart-b": {work: 1, wait: 5}}},
		{"failure", rollout, 3, 0, map[string]script{"plane": {work: 2, wait: 1}, "restart-a": {work: 2, fail: true}, "restart-b": {work: 4, fail: true}, "viz": {work: 6}}},
		{"stop", rollout, 2, 3 * time.Second, map[string]script{"plane": {work: 2, wait: 4}}},
		{"one-slot", "d: a; b; c", 1, 0, map[string]script{"a": {work: 1, wait: 2}, "b": {work: 3}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				golden.Check(t, "timeline/"+tt.name, timeline(t, tt.graph, tt.limit, tt.stop, tt.scripts))
			})
		})
	}
}

func timeline(t *testing.T, graph string, limit int, stop time.Duration, scripts map[string]script) []byte {
	g := parse(graph)
	ctx := t.Context()
	if stop > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, stop)
		defer cancel()
	}
	begun := time.Now()
	var (
		columns []time.Duration
		states  []map[string]Status // one for each column: the last state in that second
		waits   []string
	)
	r := Walk(ctx, g, WalkOptions[string]{Limit: limit, Observe: func(n string, s Status, why []string) {
		now := time.Since(begun)
		if len(columns) == 0 || columns[len(columns)-1] != now {
			next := map[string]Status{}
			if len(states) > 0 {
				for k, v := range states[len(states)-1] {
					next[k] = v
				}
			}
			columns, states = append(columns, now), append(states, next)
		}
		states[len(states)-1][n] = s
		switch s {
		case Waiting:
			waits = append(waits, fmt.Sprintf("%4v %s waits for %s", now, n, strings.Join(why, ", ")))
		case Skipped:
			waits = append(waits, fmt.Sprintf("%4v %s is skipped because of %s", now, n, strings.Join(why, ", ")))
		}
	}}, func(_ context.Context, n string, s *Slot) error {
		do, ok := scripts[n]
		if !ok {
			do.work = 1
		}
		time.Sleep(do.work * time.Second)
		if do.wait > 0 {
			s.Release()
			time.Sleep(do.wait * time.Second)
		}
		if do.fail {
			return errBroken
		}
		return nil
	})

	slices.Sort(waits) // what happens at the same time has no order
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\nlimit %d\n\n", text(g), limit)
	for _, s := range []Status{Waiting, Ready, Running, Done, Failed, Skipped, Canceled} {
		fmt.Fprintf(&b, "%s %s ", symbols[s], s)
	}
	fmt.Fprintf(&b, "\n\n%-10s", "")
	for _, c := range columns {
		fmt.Fprintf(&b, "%4v", c)
	}
	for n := range g.Nodes() {
		fmt.Fprintf(&b, "\n%-10s", n)
		for _, s := range states {
			fmt.Fprintf(&b, "   %s", symbols[s[n]])
		}
	}
	fmt.Fprintf(&b, "\n\n%s\n\ncritical path: %s\n", strings.Join(waits, "\n"), strings.Join(r.CriticalPath(), " → "))
	if err := r.Err(); err != nil {
		fmt.Fprintf(&b, "%v\n", err)
	}
	return b.Bytes()
}
