package mesh

import (
	"fmt"
	"slices"

	"github.com/meshplan/meshplan/internal/diag"
)

// waves puts workloads into the order in which they restart. Names are `kind/name`. Explicit waves come first in
// their order; workloads that they do not name form the last ones, ordered by calls: a workload comes after those
// that it calls, so that the servers of a connection are meshed before its clients. Where workloads call each other
// in a circle, the one with the fewest unmeshed servers goes first. No wave is larger than limit; larger ones are
// split.
func waves(workloads []string, explicit [][]string, calls map[string][]string, limit int) [][]string {
	pending := map[string]bool{}
	for _, w := range workloads {
		pending[w] = true
	}
	var out [][]string
	add := func(wave []string) {
		for chunk := range slices.Chunk(wave, max(1, limit)) {
			out = append(out, chunk)
		}
		for _, w := range wave {
			delete(pending, w)
		}
	}
	for _, wave := range explicit {
		wave = slices.DeleteFunc(slices.Clone(wave), func(w string) bool { return !pending[w] })
		if len(wave) > 0 {
			add(wave)
		}
	}
	for len(pending) > 0 {
		best, wave := -1, []string(nil)
		for w := range pending {
			unmeshed := 0
			for _, server := range calls[w] {
				if pending[server] && server != w {
					unmeshed++
				}
			}
			switch {
			case best < 0 || unmeshed < best:
				best, wave = unmeshed, []string{w}
			case unmeshed == best:
				wave = append(wave, w)
			}
		}
		slices.Sort(wave)
		if best > 0 {
			wave = wave[:1]
		}
		add(wave)
	}
	return out
}

// resolve finds the workload that a name in configuration means: `kind/name`, or the bare name when only one kind has
// it.
func resolve(name string, workloads []string) (string, error) {
	if slices.Contains(workloads, name) {
		return name, nil
	}
	var found, bare []string
	for _, w := range workloads {
		_, n := splitWorkload(w)
		bare = append(bare, n)
		if n == name {
			found = append(found, w)
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("there is no workload %q here.%s", name, diag.Suggest(name, append(bare, workloads...)))
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%q may be any of %v: write kind/name", name, found)
}
