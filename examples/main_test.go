package examples

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/meshplan/meshplan/internal/testenv"
)

// TestMain builds the program beside the test binary, in a directory that go test removes with it. Runs that die at a
// boundary are runs of the test binary itself.
func TestMain(m *testing.M) {
	if at := os.Getenv(envDeath); at != "" {
		os.Exit(mortal(at, os.Getenv(envBoundaries)))
	}
	build := exec.Command("go", "build", "-o", program(), "github.com/meshplan/meshplan/cmd/meshplan")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v: %v\n%s", build, err, out)
		os.Exit(1)
	}
	testenv.Main(m, testenv.Options{Mesh: true, Audit: true})
}

// program is the path of the program under test.
func program() string {
	self, err := os.Executable()
	if err != nil {
		panic(err) // only on systems that cannot say what runs
	}
	return filepath.Join(filepath.Dir(self), "meshplan")
}
