package mesh

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestWaves(t *testing.T) {
	all := []string{"deployment/driver", "deployment/location", "deployment/payment", "deployment/trip", "deployment/user"}
	calls := map[string][]string{
		"deployment/trip":   {"deployment/driver", "deployment/payment", "deployment/user"},
		"deployment/driver": {"deployment/location"},
	}
	for _, tc := range []struct {
		name     string
		explicit [][]string
		calls    map[string][]string
		limit    int
		want     [][]string
	}{
		{"everything at once", nil, nil, 10, [][]string{all}},
		{"chunks", nil, nil, 2, [][]string{all[:2], all[2:4], all[4:]}},
		{"servers first", nil, calls, 10, [][]string{
			{"deployment/location", "deployment/payment", "deployment/user"}, {"deployment/driver"}, {"deployment/trip"}}},
		{"explicit, then the rest", [][]string{{"deployment/user", "deployment/gone"}, {"deployment/trip"}}, nil, 10, [][]string{
			{"deployment/user"}, {"deployment/trip"}, {"deployment/driver", "deployment/location", "deployment/payment"}}},
		{"a circle", nil, map[string][]string{"deployment/trip": {"deployment/user"}, "deployment/user": {"deployment/trip"}}, 10, [][]string{
			{"deployment/driver", "deployment/location", "deployment/payment"}, {"deployment/trip"}, {"deployment/user"}}},
	} {
		if d := cmp.Diff(tc.want, waves(all, tc.explicit, tc.calls, tc.limit)); d != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, d)
		}
	}
}

// TestWavesProperties: every workload is in exactly one wave, no wave is too large, and without a circle no workload
// comes before one that it calls.
func TestWavesProperties(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e", "f", "g"}
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 4).Draw(t, "limit")
		calls := map[string][]string{}
		for i, n := range names { // later names call earlier ones only: no circles
			for _, m := range names[:i] {
				if rapid.Bool().Draw(t, n+m) {
					calls[n] = append(calls[n], m)
				}
			}
		}
		seen := map[string]int{}
		for i, wave := range waves(names, nil, calls, limit) {
			if len(wave) > limit {
				t.Fatalf("wave %v is larger than %d", wave, limit)
			}
			for _, w := range wave {
				if _, twice := seen[w]; twice {
					t.Fatalf("%s is in two waves", w)
				}
				seen[w] = i
			}
		}
		for n, servers := range calls {
			for _, s := range servers {
				if seen[s] >= seen[n] {
					t.Fatalf("%s (wave %d) calls %s (wave %d)", n, seen[n], s, seen[s])
				}
			}
		}
		if len(seen) != len(names) {
			t.Fatalf("waves hold %d of %d", len(seen), len(names))
		}
	})
}

func TestResolve(t *testing.T) {
	all := []string{"deployment/web", "statefulset/db", "statefulset/web"}
	for name, want := range map[string]string{"deployment/web": "deployment/web", "db": "statefulset/db", "web": "", "wev": ""} {
		got, err := resolve(name, all)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("resolve(%q) = %q, %v", name, got, err)
		}
	}
	if !slices.Contains(all, "deployment/web") {
		t.Error("resolve changed its argument")
	}
}
