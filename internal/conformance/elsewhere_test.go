package conformance

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// elsewhere are the tricky cases, by their numbers, that are tested where the thing itself is: a test function of a
// package, or a script of the command line.
var elsewhere = map[int][]struct{ dir, test string }{
	6:  {{"engine", "TestCycleNamesEveryMember"}, {"internal/dag", "TestCycleErrorIsARealAndShortestCycle"}},
	8:  {{"plans", "TestStoredNumbers"}, {"plans", "TestAnyValueRoundTrips"}},
	12: {{"providers/kubernetes/kube", "TestUpdateShowsOnlyOwnedFields"}, {"providers/kubernetes/kube", "TestCreateThenNothingToDo"}, {"providers/kubernetes/kube", "TestAutoscalerOwnsReplicas"}},
	15: {{"engine", "TestValueThatBecomesSensitiveLeavesTheRecord"}},
	17: {{"engine", "TestUnknownThatTurnsOutEqualChangesNothing"}},
	21: {{"engine", "TestRemovedBlocksGoDependentsFirst"}},
	22: {{"engine", "TestReferrerIsUpdatedBeforeDeletion"}},
	25: {{"engine", "TestCreateBeforeDestroyNeedsAnotherName"}, {"providers/kubernetes", "TestObjectsCoexistUnderDifferentNames"}},
	30: {{"internal/dag", "TestSlotRelease"}, {"internal/dag", "TestSlotsAreConserved"}, {"engine", "TestStopEndsWaits"}},
	33: {{"providers/kubernetes/kube", "TestObjectThatAppearsAfterThePlanIsLeftAlone"}, {"providers/kubernetes/kube", "TestForeignObjectIsRefusedOrAdopted"}},
	35: {{"engine", "TestLostAnswerIsAdopted"}},
	37: {{"internal/ui", "TestConfirmInterrupted"}, {"internal/cli/testdata/script", "plan_interrupt.txtar"}},
	38: {{"internal/cli/testdata/script", "apply_interrupt.txtar"}, {"internal/cli/testdata/script", "apply_abort.txtar"}},
	39: {{"internal/cli/testdata/script", "apply_killed.txtar"}, {"state/boltstore", "TestKilled"}, {"engine", "TestInterruptedRunCanBeRolledBack"}},
	40: {{"state/boltstore", "TestDiskFull"}},
	41: {{"internal/cli/testdata/script", "apply_locked.txtar"}, {"state/boltstore", "TestLockedByAnotherProcess"}, {"state/boltstore", "TestReadersDuringWrites"}},
	43: {{"internal/cli/testdata/script", "plan_file.txtar"}},
	44: {{"engine", "TestWrongClusterIsRefused"}, {"plans", "TestDamagedFile"}, {"plans", "TestNewerFormat"}},
	57: {{"engine", "TestSavedPlanRefusesAnotherSecret"}, {"engine", "TestSavedPlanFindsItsSecretsAgain"}},
	58: {{"internal/lang", "TestErrorsHideSecrets"}, {"plans/render", "TestNoSecret"}, {"plans", "TestNoSecretInFile"}, {"state/boltstore", "TestNoSecretOnDisk"}, {"internal/cli/testdata/script", "secrets.txtar"}},
	59: {{"plans/render", "TestDeterministic"}, {"internal/lang", "TestBodyReferencesDeterministic"}},
	60: {{"engine", "TestRollback"}, {"engine", "TestRollbackRestoresTheFormerWorld"}},
}

// cases is how many tricky cases there are.
const cases = 60

// open are those that nothing tests yet, with the reason.
var open = map[int]string{}

// Every tricky case has a directory here, a test here, or a test elsewhere that is really there.
func TestEveryCaseIsTested(t *testing.T) {
	root := filepath.Join("..", "..")
	have := map[int]bool{}
	for n, tests := range elsewhere {
		for _, e := range tests {
			if err := isThere(filepath.Join(root, filepath.FromSlash(e.dir)), e.test); err != nil {
				t.Errorf("case %d: %v", n, err)
			}
		}
		have[n] = true
	}
	for _, dir := range caseDirs(t) {
		if m := regexp.MustCompile(`^c(\d\d)_`).FindStringSubmatch(filepath.Base(dir)); m != nil {
			n, _ := strconv.Atoi(m[1])
			have[n] = true
		}
	}
	for _, name := range testsIn(t, ".") {
		if m := regexp.MustCompile(`^TestC(\d\d)`).FindStringSubmatch(name); m != nil {
			n, _ := strconv.Atoi(m[1])
			have[n] = true
		}
	}
	for n := 1; n <= cases; n++ {
		why, isOpen := open[n]
		switch {
		case !have[n] && !isOpen:
			t.Errorf("case %d is not tested", n)
		case have[n] && isOpen:
			t.Errorf("case %d is tested: take it out of the open ones (%s)", n, why)
		}
	}
}

// isThere reports whether a package has a test, or a directory a file.
func isThere(dir, name string) error {
	if strings.HasSuffix(name, ".txtar") {
		_, err := os.Stat(filepath.Join(dir, name))
		return err
	}
	names, err := testNames(dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		if n == name {
			return nil
		}
	}
	return fmt.Errorf("there is no %s in %s", name, dir)
}

func testsIn(t *testing.T, dir string) []string {
	t.Helper()
	names, err := testNames(dir)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// testNames reads the names of the test functions in a directory.
func testNames(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, f := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), f, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range parsed.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && (strings.HasPrefix(fn.Name.Name, "Test") || strings.HasPrefix(fn.Name.Name, "Fuzz")) {
				out = append(out, fn.Name.Name)
			}
		}
	}
	return out, nil
}
