package archtest

// modulePath is the module whose tree is checked.
const modulePath = "github.com/meshplan/meshplan"

// room is a part of the module with one import rule. A package belongs to the room with the longest path that is its
// own or a parent's, and may import every package of its room.
type room struct {
	path  string
	alone bool // only the package itself, not what lies below it

	// imports lists the rooms of this module that it may import. "x/..." stands for the packages below x without x
	// itself, and "..." for everything.
	imports []string

	// outside, if not nil, lists all the modules beyond the standard library that it may import.
	outside []string
}

// rooms is the map of the module. What is not listed has no place in it.
var rooms = []room{
	{path: "cmd", imports: []string{"internal/cli"}},
	{path: "internal/cli", imports: []string{"..."}},
	{path: "internal/ui", imports: []string{"engine", "providers", "plans", "plans/render", "internal/addr", "internal/diag"}},
	{path: "internal/ci", imports: []string{"engine", "plans", "plans/render", "internal/addr", "internal/diag", "internal/ui"}},
	{path: "internal/alarm", imports: []string{"internal/addr", "internal/diag"}},
	{path: "engine", imports: []string{"plans", "state", "providers", "internal/config", "internal/lang", "internal/sealed", "internal/addr", "internal/dag", "internal/schema", "internal/diag"}},
	{path: "plans", alone: true, imports: []string{"internal/sealed", "internal/addr", "internal/diag", "internal/schema"}},
	{path: "plans/render", imports: []string{"plans", "internal/addr", "internal/dag", "internal/diag", "internal/schema"}},
	{path: "state", alone: true, imports: []string{"internal/addr", "internal/diag"}},
	{path: "state/ledger", imports: []string{"state", "internal/addr"}},
	{path: "state/boltstore", imports: []string{"state", "state/ledger", "internal/addr"}},
	{path: "state/kubestore", imports: []string{"state", "state/ledger", "internal/addr"}},
	{path: "state/agekeys", imports: []string{"state"}},
	{path: "internal/statefile", imports: []string{"state", "internal/addr", "internal/sealed"}},
	{path: "internal/backend", imports: []string{"state/...", "state", "internal/config", "internal/schema", "internal/diag"}},
	{path: "state/statetest", imports: []string{"state", "state/ledger", "internal/addr"}},
	{path: "providers", alone: true, imports: []string{"internal/addr", "internal/schema", "internal/diag"}},
	{path: "providers/memory", imports: []string{"providers", "internal/addr", "internal/schema", "internal/diag"}},
	{path: "providers/providertest", imports: []string{"providers", "internal/addr", "internal/schema", "internal/diag"}},
	{path: "providers/kubernetes", imports: []string{"providers", "internal/addr", "internal/schema", "internal/diag"}},
	{path: "providers/linkerd", imports: []string{"providers", "providers/kubernetes/...", "internal/addr", "internal/schema", "internal/diag"}},
	{path: "internal/explain", outside: []string{}},
	{path: "internal/rbac", imports: []string{"engine", "providers", "internal/addr"}, outside: []string{}},
	{path: "internal/docs", imports: []string{"providers", "internal/schema", "internal/diag"}},
	{path: "internal/lsp", imports: []string{"internal/config", "internal/lang", "internal/docs", "internal/schema", "internal/diag", "internal/addr"}},
	{path: "internal/config", imports: []string{"internal/addr", "internal/schema", "internal/diag", "internal/lang"}},
	{path: "internal/lang", imports: []string{"internal/addr", "internal/schema", "internal/diag"}},
	{path: "internal/sealed", imports: []string{"internal/schema", "internal/diag"}},
	{path: "internal/schema", imports: []string{"internal/addr", "internal/diag"}, outside: []string{cty, hcl}},
	{path: "internal/diag", imports: []string{"internal/addr"}, outside: []string{cty, hcl, "github.com/agext/levenshtein"}},
	{path: "internal/addr", outside: []string{cty, hcl}},
	{path: "internal/dag", outside: []string{}},
	{path: "examples", imports: []string{"..."}},
	{path: "internal/testenv", imports: []string{"..."}},
	{path: "providers/linkerd/env/meshtest", imports: []string{"..."}},
	{path: "internal/golden", imports: []string{"..."}},
	{path: "internal/bench", imports: []string{"..."}},
	{path: "internal/conformance", imports: []string{"..."}},
	{path: "internal/archtest", imports: []string{"..."}},
}

const (
	cty = "github.com/zclconf/go-cty"
	hcl = "github.com/hashicorp/hcl/v2"
)

// testSupport are the rooms that exist for tests: product code must not import them, and what is asked of product code
// is not asked of them.
var testSupport = []string{"providers/linkerd/env/meshtest", "internal/testenv", "internal/golden", "internal/archtest", "internal/bench", "internal/conformance", "state/statetest"}

// forTests is what test files may import as well, wherever they are.
var forTests = append([]string{"internal/schema", "internal/sealed", "internal/diag", "internal/config", "providers/memory", "providers/providertest", "state/boltstore", "state/kubestore"}, testSupport...)

// confined are the modules that product code may import in some rooms only.
var confined = []struct{ modules, rooms []string }{
	{
		[]string{"k8s.io/client-go", "k8s.io/apimachinery", "k8s.io/api", "k8s.io/apiextensions-apiserver", "k8s.io/cli-runtime",
			"k8s.io/kubectl", "helm.sh/helm", "github.com/fluxcd/cli-utils"},
		[]string{"providers/kubernetes", "providers/linkerd", "state/kubestore"},
	},
	{[]string{"github.com/prometheus/client_golang"}, []string{"internal/alarm"}},
	{[]string{"go.etcd.io/bbolt"}, []string{"state/boltstore"}},
	{[]string{"github.com/spf13/cobra", "github.com/spf13/pflag"}, []string{"internal/cli"}},
}

// mayLog are the product files that may import the log package, with the reason.
var mayLog = map[string]string{
	"providers/kubernetes/chart/quiet.go": "writes nothing itself, but keeps what Helm writes to the standard logger off the terminal",
}

// systemCalls are the product files for every system that may import syscall, with the reason. In all others it is for
// files of one system (filelock_windows.go, or a build constraint), so that the program builds everywhere.
var systemCalls = map[string]string{
	"internal/cli/signals.go": "SIGTERM is defined everywhere",
	"state/boltstore/file.go": "syscall.Errno is defined everywhere",
}

// topLevel are the entries of the top directory, besides dot-files and what git ignores.
var topLevel = []string{"cmd", "engine", "plans", "state", "providers", "examples", "internal", "go.mod", "go.sum", "Makefile", "README.md"}

const (
	maxLines    = 500 // of a product source file written by hand
	minDocWords = 15  // of a package's doc comment
)
