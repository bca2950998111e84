// Package rbac turns the rights that a configuration needs into roles of Kubernetes: a ClusterRole, and a Role for each
// namespace in which rights are enough.
//
// The central idea: a right that one instance needs is split into single grants (scope, resource, verb, names), grants are
// merged, and what is left is put together to the fewest rules that grant exactly the union. Every rule remembers who
// needs it and what for. A Role cannot exist before its namespace, so rights in namespaces that the configuration itself
// makes go into the ClusterRole.
package rbac

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/providers"
)

// Rule is one rule of a role. Names restrict it; no names mean all objects. Either URLs or Resources are given.
type Rule struct {
	Groups, Resources, Names, URLs, Verbs []string
	// Needs says who needs the rule: "ADDRESS: what for; what else for", sorted.
	Needs []string
	// Rare says that it is only needed in trouble.
	Rare bool
}

// Role is a Role, or the ClusterRole when Namespace is empty.
type Role struct {
	Namespace string
	Rules     []Rule
}

// Set is what is needed in one place.
type Set struct {
	// Place is the cluster as people name it, Providers are the configurations that lead there.
	Place     string
	Providers []string
	// Roles begin with the ClusterRole, if there is one, and go on in order of namespace.
	Roles []Role
	// Made are the namespaces that the configuration makes, whose rights are in the ClusterRole.
	Made []string
}

// maxNames is how many names a rule may list. Beyond it the rule is for all objects: nobody reads such a list, and the API
// server walks it for every request.
const maxNames = 100

// what is one thing that may be done somewhere.
type what struct{ namespace, group, resource, url, verb string }

// grant is who may be the object of it, and why.
type grant struct {
	all   bool
	names map[string]bool
	needs map[string]map[string]bool // purposes by address
	rare  bool
}

// Of merges the rights of one place for a purpose. It costs O(rights).
func Of(p engine.Permissions, purpose providers.Purpose) Set {
	s := Set{Place: p.Place, Providers: p.Providers, Made: made(p.Rights)}
	grants := grantsOf(p, purpose, s.Made)
	widen(grants)
	s.Roles = roles(grants)
	return s
}

// grantsOf splits rights into grants. Rights in the namespaces of made count for the whole cluster.
func grantsOf(p engine.Permissions, purpose providers.Purpose, made []string) map[what]*grant {
	rights := slices.DeleteFunc(slices.Clone(p.Rights), func(r engine.Permission) bool { return r.For > purpose })
	grants := map[what]*grant{}
	for _, r := range append(rights, listed(rights)...) {
		in := r.Namespace
		if slices.Contains(made, in) {
			in = ""
		}
		for _, verb := range r.Verbs {
			for _, url := range r.URLs {
				allow(grants, what{url: url, verb: verb}, r, nil)
			}
			if len(r.URLs) > 0 {
				continue
			}
			names := r.Names
			if nameless(verb) {
				names = nil
			}
			allow(grants, what{in, r.Group, r.Resource, "", verb}, r, names)
		}
	}
	return grants
}

// roles puts grants together by namespace, those for the whole cluster first.
func roles(grants map[what]*grant) (out []Role) {
	for _, namespace := range slices.Sorted(maps.Keys(scopes(grants))) {
		out = append(out, Role{Namespace: namespace, Rules: rules(grants, namespace)})
	}
	return out
}

// nameless reports whether a verb cannot be restricted to names: there is none yet, or there are many.
func nameless(verb string) bool { return verb == "create" || verb == "list" }

// made finds the namespaces that the configuration makes.
func made(rights []engine.Permission) []string {
	out := map[string]bool{}
	for _, r := range rights {
		if r.Group == "" && r.Resource == "namespaces" && slices.Contains(r.Verbs, "create") {
			for _, n := range r.Names {
				out[n] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(out))
}

// listed adds the verb list where so many objects are read that the provider lists them.
func listed(rights []engine.Permission) (out []engine.Permission) {
	type group struct{ namespace, group, resource string }
	names := map[group]map[string]bool{}
	of := func(r engine.Permission) group { return group{r.Namespace, r.Group, r.Resource} }
	for _, r := range rights {
		if r.Many == 0 {
			continue
		}
		if names[of(r)] == nil {
			names[of(r)] = map[string]bool{}
		}
		for _, n := range r.Names {
			names[of(r)][n] = true
		}
		if len(r.Names) == 0 { // not known yet, but one
			names[of(r)]["\x00"+r.Addr.String()] = true
		}
	}
	for _, r := range rights {
		if r.Many > 0 && len(names[of(r)]) >= r.Many {
			r.Verbs = []string{"list"}
			out = append(out, r)
		}
	}
	return out
}

func allow(grants map[what]*grant, w what, r engine.Permission, names []string) {
	g := grants[w]
	if g == nil {
		g = &grant{names: map[string]bool{}, needs: map[string]map[string]bool{}, rare: true}
		grants[w] = g
	}
	g.all = g.all || len(names) == 0
	for _, n := range names {
		g.names[n] = true
	}
	g.rare = g.rare && r.Rare
	who := "" // the provider itself
	if !r.Addr.IsZero() {
		who = r.Addr.Resource.String()
		if r.Addr.Key != addr.NoKey {
			who += "[*]"
		}
	}
	if g.needs[who] == nil {
		g.needs[who] = map[string]bool{}
	}
	g.needs[who][r.Why] = true
}

// widen drops what a wider grant covers: names where all are allowed, namespaces where the whole cluster is.
func widen(grants map[what]*grant) {
	for w, g := range grants {
		if g.all || len(g.names) > maxNames {
			g.all, g.names = true, nil
		}
		if w.namespace == "" {
			continue
		}
		whole := w
		whole.namespace = ""
		wide := grants[whole]
		if wide == nil || !wide.all && len(wide.names) <= maxNames {
			continue
		}
		wide.rare = wide.rare && g.rare
		for who, whys := range g.needs {
			if wide.needs[who] == nil {
				wide.needs[who] = map[string]bool{}
			}
			maps.Copy(wide.needs[who], whys)
		}
		delete(grants, w)
	}
}

func scopes(grants map[what]*grant) map[string]bool {
	out := map[string]bool{}
	for w := range grants {
		out[w.namespace] = true
	}
	return out
}

// rules puts the grants of one role together: first verbs of one resource, then resources with the same verbs.
func rules(grants map[what]*grant, namespace string) []Rule {
	type key struct{ group, resource, url, names string }
	merged := map[key]*Rule{}
	needs := map[*Rule]map[string]map[string]bool{}
	for w, g := range grants {
		if w.namespace != namespace {
			continue
		}
		names := slices.Sorted(maps.Keys(g.names))
		k := key{w.group, w.resource, w.url, strings.Join(names, "\x00")}
		r := merged[k]
		if r == nil {
			r = &Rule{Names: names, Rare: true}
			if w.url != "" {
				r.URLs = []string{w.url}
			} else {
				r.Groups, r.Resources = []string{w.group}, []string{w.resource}
			}
			merged[k], needs[r] = r, map[string]map[string]bool{}
		}
		r.Verbs = append(r.Verbs, w.verb)
		r.Rare = r.Rare && g.rare
		collect(needs[r], g.needs)
	}
	list := slices.Collect(maps.Values(merged))
	for _, r := range list {
		slices.SortFunc(r.Verbs, func(a, b string) int { return cmp.Or(verbRank(a)-verbRank(b), strings.Compare(a, b)) })
	}
	slices.SortFunc(list, compareRules)
	var out []Rule
	last := (*Rule)(nil)
	for _, r := range list {
		same := last != nil && slices.Equal(last.Groups, r.Groups) && slices.Equal(last.Names, r.Names) && slices.Equal(last.Verbs, r.Verbs) && last.Rare == r.Rare && len(r.Names) == 0
		if same && (len(r.URLs) > 0) == (len(last.URLs) > 0) {
			last.Resources, last.URLs = append(last.Resources, r.Resources...), append(last.URLs, r.URLs...)
			collect(needs[last], needs[r])
			continue
		}
		last = r
		out = append(out, Rule{})
		needs[r]["\x00"] = nil // marks that it stands for itself
	}
	i := 0
	for _, r := range list {
		if _, own := needs[r]["\x00"]; own {
			delete(needs[r], "\x00")
			r.Needs = sentences(needs[r])
			out[i] = *r
			i++
		}
	}
	return out
}

func collect(into, from map[string]map[string]bool) {
	for who, whys := range from {
		if into[who] == nil {
			into[who] = map[string]bool{}
		}
		maps.Copy(into[who], whys)
	}
}

// sentences say who needs something and what for.
func sentences(needs map[string]map[string]bool) []string {
	var out []string
	for who, whys := range needs {
		text := strings.Join(slices.Sorted(maps.Keys(whys)), "; ")
		if who != "" {
			text = who + ": " + text
		}
		out = append(out, text)
	}
	slices.Sort(out)
	return out
}

// verbRank orders verbs as people write them.
func verbRank(verb string) int {
	i := slices.Index([]string{"get", "list", "watch", "create", "patch", "update", "delete"}, verb)
	if i < 0 {
		return 100
	}
	return i
}

// compareRules puts rules of one group together, those for all objects before those for some.
func compareRules(a, b *Rule) int {
	return cmp.Or(len(a.URLs)-len(b.URLs), slices.Compare(a.Groups, b.Groups), min(len(a.Names), 1)-min(len(b.Names), 1), slices.Compare(a.Verbs, b.Verbs), slices.Compare(a.Resources, b.Resources),
		slices.Compare(a.URLs, b.URLs), slices.Compare(a.Names, b.Names))
}
