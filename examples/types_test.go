package examples

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/meshplan/meshplan/internal/docs"
)

var readFile = regexp.MustCompile(`\bfile\("([\w.-]+)"\)`)

// unplannable are the types whose examples cannot be planned beside the rollout that runs, and the code that says why. A chart
// that comes from elsewhere is not fetched.
var unplannable = map[string]string{
	"kubernetes_chart":           "chart.fetch",
	"kubernetes_metadata":        "k8s.gone",
	"kubernetes_namespace":       "k8s.foreign-owner",
	"kubernetes_rollout_restart": "k8s.gone",
	"kubernetes_secret":          "variable.missing",
	"linkerd_cni":                "chart.fetch",
	"linkerd_control_plane":      "k8s.foreign-owner",
	"linkerd_crds":               "chart.fetch",
	"linkerd_extension":          "k8s.foreign-owner",
	"linkerd_grpc_route":         "k8s.unknown-kind",
	"linkerd_identity_issuer":    "k8s.foreign-owner",
	"linkerd_link":               "k8s.unknown-kind",
	"linkerd_tcp_route":          "k8s.unknown-kind",
	"linkerd_tls_route":          "k8s.unknown-kind",
	"linkerd_trust_anchor":       "k8s.foreign-owner",
	"linkerd_check":              "linkerd.check-failed", // that no other installation is in the way
}

// planExamplesOfTypes plans what the documentation of every type shows, beside a rollout that runs. It changes nothing.
func planExamplesOfTypes(w *workspace) {
	t := w.t
	t.Helper()
	pages := t.TempDir()
	w.must(0, "docs", "--out", pages)
	for _, kind := range []string{"resources", "data-sources"} {
		files, err := filepath.Glob(filepath.Join(pages, kind, "*.md"))
		if err != nil || len(files) < 5 {
			t.Fatalf("%s: %v, %v", kind, files, err)
		}
		for _, file := range files {
			page, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			blocks, _ := docs.Guide{Text: string(page)}.Fences()
			if len(blocks) == 0 || blocks[0].Language != "hcl" {
				t.Errorf("%s shows no example", file)
				continue
			}
			text := strings.ReplaceAll(blocks[0].Text, `window    = "1m"`, `window    = "1s"`)
			one := newWorkspace(t, "")
			one.env = append(one.env, "HTTPS_PROXY=http://127.0.0.1:9") // where nothing answers
			for _, name := range readFile.FindAllStringSubmatch(text, -1) {
				one.write(name[1], "x")
			}
			one.write("main.mesh.hcl", text)
			switch code := unplannable[strings.TrimSuffix(filepath.Base(file), ".md")]; code {
			case "":
				one.must(0, "plan")
			default:
				r := one.must(1, "plan")
				contains(t, r, r.stderr, "["+code+"]")
			}
		}
	}
}
