package examples

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestExamplesAreFormattedAndValid finds every directory with a configuration. Validating asks no cluster.
func TestExamplesAreFormattedAndValid(t *testing.T) {
	found := 0
	err := filepath.WalkDir(".", func(dir string, d os.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if files, err := filepath.Glob(filepath.Join(dir, "*.mesh.hcl")); err != nil || len(files) == 0 {
			return err
		}
		found++
		t.Run(filepath.ToSlash(dir), func(t *testing.T) {
			w := &workspace{t: t, dir: dir, env: []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "KUBECONFIG=" + filepath.Join(t.TempDir(), "none")}}
			w.must(0, "fmt", "--check", "--diff")
			if r := w.must(0, "validate"); r.stderr != "" {
				t.Errorf("validate says\n%s", r.stderr)
			}
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found == 0 {
		t.Error("no example has a configuration")
	}
}

// TestExamplesAreRun finds a test for every example: that what it says can be carried out is worth more than that it is
// valid.
func TestExamplesAreRun(t *testing.T) {
	tests, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range tests {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	dirs, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, d := range dirs {
		if !d.IsDir() || d.Name() == "testdata" {
			continue
		}
		found++
		if !strings.Contains(all.String(), `"`+d.Name()) {
			t.Errorf("no test opens the example %s", d.Name())
		}
	}
	if found < 3 {
		t.Errorf("there are %d examples", found)
	}
}
