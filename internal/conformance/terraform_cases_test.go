package conformance

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Cases that need no provider have the same outputs in Terraform, once their files have the names that it wants.
func TestTerraformCases(t *testing.T) {
	p := findPeer(t)
	root := filepath.Join(t.TempDir(), "cases")
	if err := os.CopyFS(root, os.DirFS("testdata/cases")); err != nil {
		t.Fatal(err)
	}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Rename(path, strings.NewReplacer(".mesh.hcl.json", ".tf.json", ".mesh.hcl", ".tf", ".auto.vars.hcl", ".auto.tfvars").Replace(path))
	})
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, dir := range caseDirs(t) {
		if !providerLess(t, dir) {
			continue
		}
		compared++
		t.Run(filepath.Base(dir), func(t *testing.T) {
			p := p // with variables of its own
			s := readScript(t, filepath.Join(dir, "run.txt"))
			there := filepath.Join(root, filepath.Base(dir))
			args := []string{"apply", "-auto-approve", "-no-color"}
			for _, f := range s.varFiles {
				args = append(args, "-var-file="+f)
			}
			for _, v := range s.vars {
				args = append(args, "-var="+v)
			}
			for _, e := range s.env {
				p.env = append(p.env, "TF_VAR_"+strings.TrimPrefix(e, "MESHPLAN_VAR_"))
			}
			p.run(t, there, "init", "-no-color")
			p.run(t, there, args...)
			compareOutputs(t, p.run(t, there, "output", "-json"), filepath.Join(dir, "outputs.json"))
		})
	}
	if compared < 8 {
		t.Errorf("only %d cases were compared", compared)
	}
}

func caseDirs(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob("testdata/cases/*")
	if err != nil || len(dirs) == 0 {
		t.Fatal("no cases", err)
	}
	return dirs
}

var needsMeshplan = regexp.MustCompile(`(?m)^\s*(resource|data|provider|meshplan|import|moved|removed)\b|^\s*"(resource|data|provider)"|\bmanifests\(|\bx509_certificate\(`)

// providerLess reports whether a case has outputs, and nothing that Terraform does not have.
func providerLess(t *testing.T, dir string) bool {
	t.Helper()
	if !exists(filepath.Join(dir, "outputs.json")) {
		return false
	}
	less := true
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.Contains(path, ".mesh.hcl") {
			return err
		}
		src, err := os.ReadFile(path)
		less = less && !needsMeshplan.Match(src)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return less
}

func compareOutputs(t *testing.T, theirs []byte, file string) {
	t.Helper()
	var got map[string]struct{ Value json.RawMessage }
	if err := json.Unmarshal(theirs, &got); err != nil {
		t.Fatal(err)
	}
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]json.RawMessage
	if err := json.Unmarshal(src, &want); err != nil {
		t.Fatal(err)
	}
	for name := range got {
		if want[name] == nil {
			t.Errorf("the output %s is there, but not here", name)
		}
	}
	for name, w := range want {
		ours, err := canonical(w)
		if err != nil {
			t.Fatal(err)
		}
		if ours == `"(sensitive)"` {
			continue
		}
		if _, ok := got[name]; !ok && ours == "null" {
			continue // Terraform leaves null outputs out
		}
		if text, err := canonical(got[name].Value); err != nil || text != ours {
			t.Errorf("%s is %s there (%v), %s here", name, text, err, ours)
		}
	}
}
