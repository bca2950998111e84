package install

import (
	"strings"
	"testing"
)

func TestReleasesNameTheirKubernetes(t *testing.T) {
	for _, c := range []struct {
		release, kubernetes string
		warns               bool
	}{
		{"stable-2.17.0", "v1.31.4", false}, {"2.17.1", "v1.32.0", true}, {"edge-25.4.4", "v1.32.1", false}, {"2.18.0", "v1.33.0", true},
		{"2.20.0", "v1.30.2", true}, {"edge-26.6.3", "v1.35.0", false}, {"edge-26.6.3", "v1.36.0", true}, {"edge-99.1.1", "v1.50.0", false},
	} {
		r, ok := parseRelease(c.release)
		if !ok {
			t.Fatal(c.release)
		}
		if got := supported(r, c.kubernetes); len(got) > 0 != c.warns {
			t.Errorf("%s on %s: %v, want a warning: %t", c.release, c.kubernetes, got, c.warns)
		}
	}
}

func TestUpgradesSayWhatChanges(t *testing.T) {
	parse := func(s string) release {
		r, ok := parseRelease(s)
		if !ok {
			t.Fatal(s)
		}
		return r
	}
	for _, c := range []struct {
		from, to string
		want     []string
	}{
		{"2.17.0", "2.18.0", []string{"change hands"}},
		{"2.19.1", "2.20.0", []string{"native sidecars"}},
		{"2.18.0", "2.20.0", []string{"nft", "native sidecars"}},
		{"2.20.0", "2.20.1", nil},
	} {
		notes := arriving(parse(c.from), parse(c.to))
		if len(notes) != len(c.want) {
			t.Errorf("%s to %s: %q", c.from, c.to, notes)
			continue
		}
		for i, w := range c.want {
			if !strings.Contains(notes[i], w) {
				t.Errorf("%s to %s: %q, want %q", c.from, c.to, notes[i], w)
			}
		}
	}
	if notes := arriving(release{}, parse("2.20.0")); notes != nil {
		t.Errorf("an installation is told of changes: %q", notes)
	}
}
