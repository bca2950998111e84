package kube

import "net/http"

// TroubleOf is for tests.
var TroubleOf = troubleOf

// Differ is for tests.
func Differ(want, live map[string]any) []string {
	var out []string
	for _, d := range differences(want, live, allFields(nil)) {
		out = append(out, d.path.String())
	}
	return out
}

// NewFlow is for tests.
func NewFlow(next http.RoundTripper) http.RoundTripper { return newFlow(next) }

// Allowed returns how many requests may be in flight.
func Allowed(f http.RoundTripper) int {
	of := f.(*flow)
	of.mu.Lock()
	defer of.mu.Unlock()
	return of.limit
}

// ConflictPolicy is what the options say about one field.
func ConflictPolicy(o SetOptions, field string) string {
	policy, _ := o.conflictPolicy(field)
	return policy
}
