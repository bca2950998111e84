package metrics

import (
	"cmp"
	"slices"
	"time"
)

// Growth is how much the counters of one pod grew, and its gauges as they are at the end.
type Growth struct {
	Pod     Pod
	Samples []Sample
}

// Unmeasured is a pod about which a window says nothing, and why.
type Unmeasured struct {
	Pod    Pod
	Reason string
}

// Window is what happened between two rounds of scraping.
type Window struct {
	// Length is the time between the last answer of the first round and the first answer of the second: every counted
	// event lies within the rounds, and the proof covers at least this long.
	Length     time.Duration
	Growth     []Growth     // ordered by pod
	Unmeasured []Unmeasured // ordered by pod
}

// Between compares two rounds. A counter that went down was reset with its process, so that its whole value is growth; a
// series that is new inside a measured pod began at zero.
func Between(before, after []Scrape) Window {
	var w Window
	first := make(map[string]Scrape, len(before))
	var from, to time.Time
	for _, s := range before {
		first[s.Pod.UID] = s
		if s.Err == nil && s.At.After(from) {
			from = s.At
		}
	}
	seen := make(map[string]bool, len(after))
	for _, s := range after {
		seen[s.Pod.UID] = true
		was, ok := first[s.Pod.UID]
		switch {
		case s.Err != nil:
			w.Unmeasured = append(w.Unmeasured, Unmeasured{s.Pod, s.Err.Error()})
		case !ok:
			w.Unmeasured = append(w.Unmeasured, Unmeasured{s.Pod, "the pod started inside the window"})
		case was.Err != nil:
			w.Unmeasured = append(w.Unmeasured, Unmeasured{s.Pod, was.Err.Error()})
		default:
			if to.IsZero() || s.At.Before(to) {
				to = s.At
			}
			w.Growth = append(w.Growth, Growth{s.Pod, grow(was.Samples, s.Samples)})
		}
	}
	for _, s := range before {
		if !seen[s.Pod.UID] {
			w.Unmeasured = append(w.Unmeasured, Unmeasured{s.Pod, "the pod went away inside the window"})
		}
	}
	if !from.IsZero() && to.After(from) {
		w.Length = to.Sub(from)
	}
	slices.SortFunc(w.Growth, func(a, b Growth) int { return comparePods(a.Pod, b.Pod) })
	slices.SortFunc(w.Unmeasured, func(a, b Unmeasured) int {
		return cmp.Or(comparePods(a.Pod, b.Pod), cmp.Compare(a.Reason, b.Reason))
	})
	return w
}

// SinceStart treats one round as a window that began when each proxy started (its idle series may be forgotten). The
// length is unknown and therefore zero.
func SinceStart(round []Scrape) Window {
	var w Window
	for _, s := range round {
		if s.Err != nil {
			w.Unmeasured = append(w.Unmeasured, Unmeasured{s.Pod, s.Err.Error()})
			continue
		}
		w.Growth = append(w.Growth, Growth{s.Pod, s.Samples})
	}
	slices.SortFunc(w.Growth, func(a, b Growth) int { return comparePods(a.Pod, b.Pod) })
	slices.SortFunc(w.Unmeasured, func(a, b Unmeasured) int { return comparePods(a.Pod, b.Pod) })
	return w
}

func grow(before, after []Sample) []Sample {
	was := make(map[string]float64, len(before))
	for i := range before {
		was[before[i].key()] = before[i].Value
	}
	out := make([]Sample, 0, len(after))
	for _, s := range after {
		if old, ok := was[s.key()]; ok && !isGauge(s.Name) && s.Value >= old {
			s.Value -= old
		}
		out = append(out, s)
	}
	return out
}
