package golden

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorder stands in for the test that check reports to.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Helper()             {}
func (r *recorder) Logf(string, ...any) {}
func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func TestCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "x.golden")
	for _, step := range []struct {
		name, got string
		update    bool
		want      []string // in the error; none means no error
	}{
		{"missing", "a\nb\nc\n", false, []string{"does not exist", "-update", "a\nb\nc"}},
		{"made", "a\nb\nc\n", true, nil},
		{"equal", "a\nb\nc\n", false, nil},
		{"different", "a\nx\nc\n", false, []string{"-update", "-want +got", `a\nb\nc`, `a\nx\nc`}},
		{"accepted", "a\nx\nc\n", true, nil},
		{"equal again", "a\nx\nc\n", false, nil},
	} {
		r := &recorder{TB: t}
		check(r, path, []byte(step.got), step.update)
		if (len(r.errors) > 0) != (step.want != nil) {
			t.Errorf("%s: errors %q", step.name, r.errors)
			continue
		}
		for _, want := range step.want {
			if !strings.Contains(r.errors[0], want) {
				t.Errorf("%s: error lacks %q:\n%s", step.name, want, r.errors[0])
			}
		}
	}
	if b, _ := os.ReadFile(path); string(b) != "a\nx\nc\n" {
		t.Errorf("golden file = %q", b)
	}
}

func TestReplace(t *testing.T) {
	got := Replace(`\d+ms`, "<ms>", `run:(\w)\w*`, "run:$1…")(
		[]byte("run:abc took 12ms, run:x took 3ms"))
	if want := "run:a… took <ms>, run:x… took <ms>"; string(got) != want {
		t.Errorf("Replace = %s, want %s", got, want)
	}
	defer func() {
		if recover() == nil {
			t.Error("an odd number of arguments is accepted")
		}
	}()
	//lint:ignore SA5012 that this panics is what is tested
	Replace("a")
}

func TestUpdateByEnvironment(t *testing.T) {
	t.Setenv("MESHPLAN_UPDATE", "1")
	if !Update() {
		t.Error("MESHPLAN_UPDATE=1 is ignored")
	}
}
