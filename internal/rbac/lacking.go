package rbac

import (
	"maps"
	"slices"
	"sync"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/providers"
)

// questionsAtOnce bounds the questions in flight.
const questionsAtOnce = 16

// Lacking finds out which of the rights of one place are not there. Allowed says whether one is: it has one verb, and one name or
// one URL at most; it is called concurrently, once for each verb and resource, and once for each name where not all objects are
// allowed. What comes back is like Of, reduced to what is denied, with every right in the namespace that it is for; asked is how
// many there are in all.
func Lacking(p engine.Permissions, purpose providers.Purpose, allowed func(providers.Right) bool) (lacking Set, asked int) {
	all := grantsOf(p, purpose, nil)
	var mu sync.Mutex
	var wg sync.WaitGroup
	limit := make(chan struct{}, questionsAtOnce)
	denied := map[what]*grant{}
	for w, g := range all {
		limit <- struct{}{}
		wg.Go(func() {
			defer func() { <-limit }()
			if missing := g.denied(w, allowed); missing != nil {
				mu.Lock()
				denied[w] = missing
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return Set{Place: p.Place, Providers: p.Providers, Roles: roles(denied)}, len(all)
}

// denied returns what of a grant is denied; nil when nothing is.
func (g *grant) denied(w what, allowed func(providers.Right) bool) *grant {
	right := providers.Right{Group: w.group, Resource: w.resource, Namespace: w.namespace, Verbs: []string{w.verb}}
	if w.url != "" {
		right.URLs = []string{w.url}
	}
	if allowed(right) {
		return nil
	}
	if g.all {
		return g
	}
	missing := *g
	missing.names = map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(g.names)) {
		right.Names = []string{name}
		if !allowed(right) {
			missing.names[name] = true
		}
	}
	if len(missing.names) == 0 {
		return nil
	}
	return &missing
}
