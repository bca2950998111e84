// Package golden compares what a test produced with a file kept beside it, testdata/<name>.golden.
//
// To accept new output, look at the diff that the test prints, then run
//
//	go test ./path/to/package -update
//
// which rewrites the files of the tests that run. Packages that do not import golden refuse a flag that they do not
// know, so for the whole module set the environment variable instead:
//
//	MESHPLAN_UPDATE=1 go test ./...
//
// Output that varies from run to run (times, identifiers, directories) is made stable before it is compared, by
// normalizers such as those of Replace. The package is for tests only.
package golden

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Flags of a test binary have no other home than the global flag set.
var update = flag.Bool("update", false, "rewrite the golden files of the tests that run")

// Update reports whether golden files are to be rewritten. Tests that keep other files up to date can use it as well.
func Update() bool { return *update || os.Getenv("MESHPLAN_UPDATE") == "1" }

// Check compares got, after the normalizers, with testdata/<name>.golden in the directory of the test's package. It
// reports a difference as an error with a diff, and lets the test go on. The name may hold slashes. When updating it
// writes the file, with its directories, if it differs.
func Check(t testing.TB, name string, got []byte, normalize ...func([]byte) []byte) {
	t.Helper()
	for _, f := range normalize {
		got = f(got)
	}
	check(t, filepath.Join("testdata", filepath.FromSlash(name)+".golden"), got, Update())
}

func check(t testing.TB, path string, got []byte, update bool) {
	t.Helper()
	want, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	switch {
	case err == nil && bytes.Equal(want, got):
	case update:
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		t.Logf("wrote %s", path)
	case err != nil:
		t.Errorf("%s does not exist; if this output is right, make it with go test -update:\n%s", path, got)
	default:
		t.Errorf("output differs from %s; if the new output is right, accept it with go test -update (-want +got):\n%s",
			path, cmp.Diff(string(want), string(got)))
	}
}

// Replace returns a normalizer that replaces what regular expressions match. The arguments are pairs of an expression
// and its replacement, which may refer to groups as $1; they are applied in turn. It panics on an odd number of
// arguments and on an expression that does not compile.
func Replace(pairs ...string) func([]byte) []byte {
	if len(pairs)%2 != 0 {
		panic("golden.Replace needs pairs of an expression and a replacement")
	}
	var res []*regexp.Regexp
	for i := 0; i < len(pairs); i += 2 {
		res = append(res, regexp.MustCompile(pairs[i]))
	}
	return func(b []byte) []byte {
		for i, re := range res {
			b = re.ReplaceAll(b, []byte(pairs[2*i+1]))
		}
		return b
	}
}
