package kube

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
