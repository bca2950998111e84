package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// release is what the configuration of releases says, as far as it names things of this repository.
type release struct {
	Before struct{ Hooks []string }
	Builds []struct {
		Main                              string
		Env, Flags, Ldflags, Goos, Goarch []string
		ModTimestamp                      string `yaml:"mod_timestamp"`
	}
	Archives []struct{ Files []any }
	Nfpms    []struct {
		Formats  []string
		Contents []struct{ Src, Dst string }
	}
	Dockers []struct{ Dockerfile string } `yaml:"dockers_v2"`
	Casks   []struct {
		Completions map[string]string
	} `yaml:"homebrew_casks"`
	Sboms, Signs []any
}

// TestRelease holds the configuration of releases to the repository. That it is valid for goreleaser is what `make snapshot`
// shows.
func TestRelease(t *testing.T) {
	top := filepath.Join("..", "..")
	b, err := os.ReadFile(filepath.Join(top, ".goreleaser.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var r release
	if err := yaml.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile(filepath.Join(top, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	_, made, _ := strings.Cut(string(makefile), "\nrelease-files:")
	made, _, _ = strings.Cut(made, "\n\n")
	if !slices.Contains(r.Before.Hooks, "make release-files") || made == "" {
		t.Errorf("the hooks %q do not make the files of the packages, or the Makefile has no such target", r.Before.Hooks)
	}
	if len(r.Builds) != 1 || len(r.Dockers) != 1 || len(r.Sboms) == 0 || len(r.Signs) == 0 || len(r.Casks) != 1 {
		t.Fatalf("the configuration lacks a part: %+v", r)
	}
	build := r.Builds[0]
	if files, err := filepath.Glob(filepath.Join(top, build.Main, "main.go")); err != nil || len(files) != 1 {
		t.Errorf("there is no program at %s", build.Main)
	}
	for what, ok := range map[string]bool{
		"linux, darwin and windows": slices.Equal(build.Goos, []string{"linux", "darwin", "windows"}),
		"amd64 and arm64":           slices.Equal(build.Goarch, []string{"amd64", "arm64"}),
		"no cgo":                    slices.Contains(build.Env, "CGO_ENABLED=0"),
		"-trimpath":                 slices.Contains(build.Flags, "-trimpath"),
		"a time that is repeatable": strings.Contains(build.ModTimestamp, "CommitTimestamp"),
	} {
		if !ok {
			t.Errorf("the build must have %s: %+v", what, build)
		}
	}
	symbol := regexp.MustCompile(`-X ([\w./-]+)\.(\w+)=`).FindStringSubmatch(strings.Join(build.Ldflags, " "))
	if symbol == nil {
		t.Fatalf("no version is linked in by %q", build.Ldflags)
	}
	if dir, ok := strings.CutPrefix(symbol[1], modulePath+"/"); !ok || !declaresString(t, filepath.Join(top, dir), symbol[2]) {
		t.Errorf("%s.%s is no variable of this repository", symbol[1], symbol[2])
	}
	if _, err := os.Stat(filepath.Join(top, r.Dockers[0].Dockerfile)); err != nil {
		t.Error(err)
	}
	for _, c := range r.Nfpms[0].Contents {
		checkReleaseFile(t, top, made, c.Src)
	}
	for _, f := range r.Archives[0].Files {
		switch f := f.(type) {
		case string:
			checkReleaseFile(t, top, made, f)
		case map[string]any:
			checkReleaseFile(t, top, made, f["src"].(string))
		}
	}
	for _, name := range r.Casks[0].Completions {
		checkReleaseFile(t, top, made, "bin/release/"+name)
	}
}

// checkReleaseFile checks that a file is in the repository, or that the Makefile makes it.
func checkReleaseFile(t *testing.T, top, made, name string) {
	t.Helper()
	if rest, ok := strings.CutPrefix(name, "bin/release/"); ok {
		if dir, base := filepath.Split(rest); !strings.Contains(made, strings.TrimSuffix(dir, "/")) || !strings.Contains(base, "*") && !strings.Contains(made, base) {
			t.Errorf("nothing makes %s", name)
		}
		return
	}
	if _, err := os.Stat(filepath.Join(top, name)); err != nil {
		t.Error(err)
	}
}

// declaresString reports whether a package declares a variable of type string, which the linker can set.
func declaresString(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, s := range g.Specs {
				v := s.(*ast.ValueSpec)
				if typ, ok := v.Type.(*ast.Ident); ok && typ.Name == "string" && len(v.Values) == 0 && slices.ContainsFunc(v.Names, func(n *ast.Ident) bool { return n.Name == name }) {
					return true
				}
			}
		}
	}
	return false
}
