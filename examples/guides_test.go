package examples

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/docs"
	"github.com/meshplan/meshplan/internal/testenv"
)

// reading is what a reader does with a guide beside typing what it says.
type reading struct {
	guide string
	// blocks are what becomes of the guide's blocks of configuration, in order: the file that each is written to, "" for one that
	// is only read.
	blocks []string
	// lines are the commands that need something: a reader's own names, an answer, or another exit code than 0. Others are typed
	// as they are.
	lines map[string]typed
}

// typed is a command as a reader types it.
type typed struct {
	as   string // without the program; "" is as the guide has it
	code int
	says string // a part of what it answers
}

// TestGuidesOnACluster follows the guides from the first rollout on: every command is typed in the order of the text.
func TestGuidesOnACluster(t *testing.T) {
	before := newWorkspace(t, "") // a cluster that has Linkerd's definitions
	if err := os.CopyFS(filepath.Join(before.dir, "charts", "linkerd-crds"), os.DirFS("mtls-rollout/charts/linkerd-crds")); err != nil {
		t.Fatal(err)
	}
	before.write("main.mesh.hcl", "resource \"kubernetes_namespace\" \"meshplan\" {\n  name                  = \"meshplan\"\n  force_delete_contents = true\n}\n\nresource \"linkerd_crds\" \"linkerd\" {\n  path      = \"charts/linkerd-crds\"\n  namespace = kubernetes_namespace.meshplan.name\n}\n")
	before.must(0, "apply", "--auto-approve")

	w := newWorkspace(t, "")
	const yes = " --auto-approve"
	for _, r := range []reading{
		{"first-rollout", []string{"main.mesh.hcl"}, map[string]typed{
			"plan":                    {says: "Plan: 2 to create"},
			"apply rollout.plan":      {says: "Apply complete"},
			"plan #2":                 {says: "No changes."},
			"history":                 {says: "succeeded"},
			"state list":              {says: "linkerd_server.web"},
			"show run:1":              {says: "linkerd_server.web"},
			"graph":                   {says: "kubernetes_namespace.shop"},
			"plan --out rollout.plan": {says: "rollout.plan"},
		}},
		{"ci", []string{""}, map[string]typed{
			"rbac --for=plan":               {says: "kind: ClusterRole"},
			"show --format md rollout.plan": {says: "No changes"},
			"show --json rollout.plan":      {says: `"resource_changes"`},
			"apply --auto-approve --lock-timeout 5m --rollback-on-failure": {says: "No changes."},
			"apply rollout.plan":                             {says: "No changes."},
			"rbac --for=apply --service-account ci/meshplan": {says: "kind: ClusterRoleBinding"},
			"plan --detailed-exitcode --out rollout.plan":    {says: "No changes."},
			"fmt --check --recursive":                        {},
			"validate":                                       {},
		}},
		{"drift", []string{"web.mesh.hcl"}, map[string]typed{
			"drift":                {says: "No drift"},
			"apply":                {as: "apply" + yes, says: "No changes."},
			"apply --refresh-only": {as: "apply --refresh-only" + yes},
			"plan":                 {says: "No changes."},
			"drift --refresh=full": {says: "No drift"},
			"rbac --for=drift --service-account meshplan/drift": {says: "kind: ClusterRoleBinding"},
		}},
		{"rollback", []string{""}, map[string]typed{
			"show run:42":                 {as: "show run:2", says: "kubernetes_manifest.web"},
			"rollback":                    {as: "rollback" + yes, says: "Apply complete: "},
			"rollback --to 41":            {as: "rollback --to 1" + yes},
			"rollback --to 0":             {as: "rollback --to 0" + yes, says: "Apply complete: "},
			"rollback --out back.plan":    {says: "back.plan"},
			"show back.plan":              {says: "kubernetes_namespace.shop"},
			"apply back.plan":             {says: "complete"},
			"apply --rollback-on-failure": {as: "apply --rollback-on-failure" + yes, says: "Apply complete"},
			"history":                     {says: "succeeded"},
		}},
		{"state", []string{"backend.mesh.hcl", ""}, map[string]typed{
			"init --migrate-state":                  {says: "Took "},
			"apply --lock-timeout 5m":               {as: "apply --lock-timeout 5m" + yes, says: "No changes."},
			"force-unlock ID":                       {code: 1},
			"state restore":                         {code: 1},
			"state recover":                         {},
			"state show kubernetes_namespace.store": {as: "state show kubernetes_namespace.shop", says: "name"},
			"state mv kubernetes_namespace.shop kubernetes_namespace.store": {},
			"state rm kubernetes_namespace.store":                           {},
			"state pull":                                                    {says: `"lineage"`},
		}},
	} {
		if w.follow(t, r); r.guide == "drift" { // its block is a second run, which the next guide undoes
			w.must(0, "apply", "--auto-approve")
		}
	}
	// The last guide forgets an object and leaves it.
	namespaces := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"})
	if err := namespaces.Delete(t.Context(), "shop", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for range 600 {
		if _, err := namespaces.Get(t.Context(), "shop", metav1.GetOptions{}); err != nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Error("the namespace does not go away")
}

// TestGuidesOfAMesh follows the guides that begin with a mesh, or with objects, that are there already.
func TestGuidesOfAMesh(t *testing.T) {
	mesh := newWorkspace(t, "mtls-rollout")
	mesh.must(0, "apply", "--auto-approve", "--summary")
	client := testenv.Dynamic(t)
	pods := func() (uids []string) {
		t.Helper()
		list, err := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "pods"}).Namespace("shop").List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range list.Items {
			uids = append(uids, string(p.GetUID()))
		}
		return uids
	}

	t.Run("from-linkerd-install", func(t *testing.T) {
		w := newWorkspace(t, "")
		maps := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"})
		roots, err := maps.Namespace("linkerd").Get(t.Context(), "linkerd-identity-trust-roots", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		anchor, _, _ := unstructured.NestedString(roots.Object, "data", "ca-bundle.crt")
		w.env = append(w.env, "MESHPLAN_VAR_anchor="+anchor)
		before := pods()
		w.follow(t, reading{"from-linkerd-install", []string{"anchor.mesh.hcl", "shop.mesh.hcl"}, map[string]typed{
			"linkerd check":  {says: "linkerd-identity"},
			"linkerd certs":  {says: "identity.linkerd.cluster.local"},
			"linkerd policy": {says: "paymentservice"},
			"plan --generate-config-out policies.mesh.hcl": {says: "3 to create"},
			"plan": {says: "3 to create"},
		}})
		applied := w.must(0, "apply", "--auto-approve")
		contains(t, applied, applied.stdout, "Apply complete: 3 created")
		w.must(0, "plan", "--detailed-exitcode")
		gone := w.must(0, "destroy", "--auto-approve") // who installed the mesh keeps it
		contains(t, gone, words(gone.stdout+gone.stderr), "leaves pods in the mesh", "Pods stay in the mesh")
		if after := pods(); !slices.Equal(before, after) {
			t.Errorf("taking the mesh over and giving it back has restarted pods: %v, then %v", before, after)
		}
	})

	t.Run("rotation", func(t *testing.T) {
		mesh := &workspace{t: t, dir: mesh.dir, env: mesh.env}
		mesh.follow(t, reading{"rotation", []string{"", ""}, map[string]typed{
			"linkerd certs":            {says: "identity.linkerd.cluster.local"},
			"plan --detailed-exitcode": {says: "No changes."},
		}})
		was := mesh.must(0, "linkerd", "certs", "--format", "json").stdout
		mesh.write("certificates.mesh.hcl", strings.Replace(mesh.read("certificates.mesh.hcl"), "resource \"linkerd_identity_issuer\" \"mesh\" {\n", "resource \"linkerd_identity_issuer\" \"mesh\" {\n  rotate = \"2026-11\"\n", 1))
		for n := 1; mesh.run("plan", "--detailed-exitcode", "--summary").code != 0; n++ {
			if n > 3 {
				t.Fatal("the plan does not become empty")
			}
			mesh.must(0, "apply", "--auto-approve", "--summary")
		}
		if mesh.must(0, "linkerd", "certs", "--format", "json").stdout == was {
			t.Error("the certificates are the same as before")
		}
	})

	t.Run("from-terraform", func(t *testing.T) {
		w := newWorkspace(t, "")
		settings := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace("shop")
		u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "settings"}, "data": map[string]any{"colour": "green"}}}
		made, err := settings.Create(t.Context(), u, metav1.CreateOptions{FieldManager: "Terraform"})
		if err != nil {
			t.Fatal(err)
		}
		w.follow(t, reading{"from-terraform", []string{"main.mesh.hcl"}, map[string]typed{
			"plan --generate-config-out generated.mesh.hcl": {says: "1 to import"},
			"plan":  {says: "No changes."},
			"apply": {as: "apply --auto-approve", says: "No changes."},
			"import kubernetes_manifest.settings v1/ConfigMap/shop/settings": {as: "import --auto-approve kubernetes_manifest.settings v1/ConfigMap/shop/settings"},
		}})
		if now, err := settings.Get(t.Context(), "settings", metav1.GetOptions{}); err != nil || now.GetUID() != made.GetUID() {
			t.Errorf("the object was made anew: %v", err)
		}
		w.must(0, "destroy", "--auto-approve")
	})

	t.Run("editors", func(t *testing.T) {
		newWorkspace(t, "").follow(t, reading{"editors", nil, map[string]typed{
			"schema --editor > meshplan.schema.json": {as: "schema --editor", says: "\"$schema\""},
		}})
	})
}

// follow reads one guide to its end.
func (w *workspace) follow(t *testing.T, r reading) {
	t.Helper()
	guides := docs.Guides()
	i := slices.IndexFunc(guides, func(g docs.Guide) bool { return g.Name == r.guide })
	if i < 0 {
		t.Fatalf("there is no guide %q", r.guide)
	}
	seen, blocks := map[string]int{}, 0
	fences, _ := guides[i].Fences()
	for _, f := range fences {
		if f.Language == "hcl" {
			if blocks >= len(r.blocks) {
				t.Fatalf("%s: what becomes of this block?\n%s", r.guide, f.Text)
			}
			if name := r.blocks[blocks]; name != "" {
				w.write(name, f.Text)
			}
			blocks++
			continue
		}
		if f.Language != "sh" {
			continue // settings of other programs
		}
		for line := range strings.Lines(f.Text) {
			line, _, _ = strings.Cut(line, " #")
			args := strings.TrimPrefix(strings.TrimSpace(line), "meshplan ")
			key := args
			if seen[args]++; seen[args] > 1 {
				key += " #2"
			}
			do, said := r.lines[key]
			if !said && seen[args] > 1 {
				do = r.lines[args]
			}
			if do.as == "" {
				do.as = args
			}
			got := w.must(do.code, strings.Fields(do.as)...)
			if all := got.stdout + got.stderr; !strings.Contains(all, do.says) {
				t.Errorf("guide %s: %s lacks %q\n%s", r.guide, got.line, do.says, got.text())
			}
		}
	}
	if blocks != len(r.blocks) {
		t.Errorf("guide %s has %d blocks, not %d", r.guide, blocks, len(r.blocks))
	}
	for key := range r.lines {
		if line := strings.TrimSuffix(key, " #2"); seen[line] == 0 {
			t.Errorf("guide %s has no command %q", r.guide, line)
		}
	}
}
