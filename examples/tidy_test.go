package examples

import (
	"os"
	"path/filepath"
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
