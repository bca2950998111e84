package install

import "testing"

func TestParseRelease(t *testing.T) {
	for text, line := range map[string]int{
		"edge-24.8.2": 16, "edge-24.8.3": 17, "edge-25.10.7": 19, "edge-26.8.3": 21, "stable-2.14.10": 14, "2.19.1": 19, "v2.18": 18,
		"enterprise-2.17.0-1": 17, "edge-18.9.1": 15,
	} {
		if r, ok := parseRelease(text); !ok || r.line != line {
			t.Errorf("parseRelease(%q) = line %d, %t; want %d", text, r.line, ok, line)
		}
	}
	for _, text := range []string{"", "dev-abc", "latest", "3.1", "edge-", "edge-x.y"} {
		if r, ok := parseRelease(text); ok {
			t.Errorf("parseRelease(%q) = %v, want none", text, r)
		}
	}
}

func TestReleaseOrder(t *testing.T) {
	for _, c := range []struct {
		a, b   string
		before bool
	}{
		{"edge-25.9.9", "edge-25.10.1", true}, {"edge-25.10.1", "edge-25.9.9", false}, {"edge-25.10.1", "edge-25.10.1", false},
		{"2.18.0", "2.19.0", true}, {"2.18.0", "2.18.3", false}, {"2.18.0", "edge-26.8.3", true}, {"edge-26.8.3", "2.18.0", false},
	} {
		a, _ := parseRelease(c.a)
		b, _ := parseRelease(c.b)
		if got := a.before(b); got != c.before {
			t.Errorf("%s before %s = %t, want %t", c.a, c.b, got, c.before)
		}
	}
}
