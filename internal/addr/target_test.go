package addr

import (
	"testing"
)

func TestTargetContains(t *testing.T) {
	for _, c := range []struct {
		target, instance string
		want             bool
	}{
		{"memory_object.a", "memory_object.a", true},
		{"memory_object.a", `memory_object.a["x"]`, true},
		{`memory_object.a["x"]`, "memory_object.a", false},
		{`memory_object.a["x"]`, `memory_object.a["x"]`, true},
		{"memory_object.a", "memory_object.b", false},
		{"memory_object.a", "data.memory_object.a", false},
		{"module.m", "module.m.memory_object.a", true},
		{"module.m", `module.m["x"].memory_object.a[3]`, true},
		{`module.m["x"]`, `module.m["y"].memory_object.a`, false},
		{"module.m", "module.mm.memory_object.a", false},
		{"module.m", "memory_object.a", false},
		{"module.m", "module.m.module.n.memory_object.a", true},
		{"module.m.memory_object.a", "module.m.module.n.memory_object.a", false},
		{"module.m.memory_object.a", `module.m["x"].memory_object.a[0]`, true},
		{"data.memory_object.a", "data.memory_object.a", true},
	} {
		target, err := ParseTarget(c.target)
		if err != nil {
			t.Fatal(err)
		}
		i, err := Parse(c.instance)
		if err != nil {
			t.Fatal(err)
		}
		if got := target.Contains(i); got != c.want {
			t.Errorf("%s contains %s = %v", c.target, c.instance, got)
		}
		if target.String() != c.target {
			t.Errorf("String of %q = %q", c.target, target)
		}
	}
	for _, s := range []string{"", "module", "module.", "a", "a.b.c", "module.m.a", `module.m[null]`, "data.a"} {
		if got, err := ParseTarget(s); err == nil {
			t.Errorf("ParseTarget(%q) = %v", s, got)
		}
	}
}
