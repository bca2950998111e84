package archtest

import (
	"os"
	"slices"
	"testing"
)

// TestRepository applies every check to this repository.
func TestRepository(t *testing.T) {
	repo, err := load(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(repo.top, "go.mod") {
		t.Fatalf("the top of the repository is not where this test looks; it finds %v", repo.top)
	}
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			for _, violation := range c.check(repo) {
				t.Error(violation)
			}
		})
	}
}
