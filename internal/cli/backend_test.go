package cli

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/meshplan/meshplan/internal/testenv"
)

// TestClusterScripts runs the scripts that need a real API server.
func TestClusterScripts(t *testing.T) {
	kubeconfig, namespace := testenv.Kubeconfig(t), testenv.Namespace(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/cluster",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("WORLD", env.WorkDir+"/world.json")
			env.Setenv("COLUMNS", "160")
			env.Setenv("KUBECONFIG", kubeconfig)
			env.Setenv("NAMESPACE", namespace)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "world": editWorld, "waitfor": waitFor,
			"subst": func(ts *testscript.TestScript, _ bool, args []string) {
				b, err := os.ReadFile(ts.MkAbs(args[0]))
				ts.Check(err)
				ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(strings.ReplaceAll(string(b), "$NAMESPACE", namespace)), 0o600))
			},
			// forceunlock does what a person does: read the ID in the message and use it.
			"forceunlock": func(ts *testscript.TestScript, _ bool, _ []string) {
				_ = ts.Exec("meshplan", "apply", "--auto-approve")
				id := regexp.MustCompile(`lock ([A-Z0-9]{10,})`).FindStringSubmatch(ts.ReadFile("stderr"))
				if id == nil {
					ts.Fatalf("the message names no ID")
				}
				ts.Check(ts.Exec("meshplan", "force-unlock", id[1], "--force"))
			},
		},
	})
}
