package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/lang"
	"github.com/meshplan/meshplan/internal/schema"
)

const rollout = `
meshplan {
  required_version = ">= 0.1, < 2.0"
  on_failure       = "rollback"
  backend "kubernetes" {
    namespace = "meshplan"
  }
}
provider "kubernetes" {
  alias   = "east"
  context = var.context
}
variable "context" {
  type = string
}
locals {
  services = toset(["user", "trip"])
}
data "kubernetes_cluster" "this" {
  provider = kubernetes.east
  lifecycle {
    postcondition {
      condition     = self.version != ""
      error_message = "no version"
    }
  }
}
resource "kubernetes_manifest" "svc" {
  for_each   = local.services
  provider   = kubernetes.east
  depends_on = [data.kubernetes_cluster.this, kubernetes_namespace.ns["a"]]
  labels     = { app = each.key }
  timeouts {
    create = "5m"
  }
  lifecycle {
    prevent_destroy       = true
    create_before_destroy = false
    ignore_changes        = [labels["app"], spec[0].replicas]
    replace_triggered_by  = [kubernetes_namespace.ns[each.key].uid]
    precondition {
      condition     = length(local.services) > 1
      error_message = "too few"
    }
  }
}
output "names" {
  value     = keys(kubernetes_manifest.svc)
  sensitive = true
}
`

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "main.mesh.hcl", rollout)
	write(t, dir, "ns.mesh.hcl.json", `{"//": "a comment", "resource": {"kubernetes_namespace": {"ns": {"count": "${1 + 1}", "lifecycle": {"ignore_changes": "all"}, "name": "x"}}}}`)
	write(t, dir, ".#main.mesh.hcl", "not configuration")
	c, ds := Load(dir, Options{Version: "1.2.3"})
	if len(ds) > 0 {
		t.Fatal(render(c.Files, ds))
	}
	if s := c.Settings; s.Backend != "kubernetes" || s.OnFailure != OnFailureRollback || s.RequiredVersion != ">= 0.1, < 2.0" {
		t.Errorf("settings = %+v", s)
	}
	if attrs, _ := c.Settings.BackendBody.JustAttributes(); attrs["namespace"] == nil {
		t.Error("the backend's body was lost")
	}
	var names []string
	for _, r := range c.Root.SortedResources() {
		names = append(names, fmt.Sprintf("%s by %s", r.Addr, r.Provider))
	}
	want := []string{"kubernetes_manifest.svc by kubernetes.east", "kubernetes_namespace.ns by kubernetes", "data.kubernetes_cluster.this by kubernetes.east"}
	if !slices.Equal(names, want) {
		t.Errorf("resources = %q, want %q", names, want)
	}
	svc := c.Root.Resources[addr.Resource{Mode: addr.Managed, Type: "kubernetes_manifest", Name: "svc"}]
	if svc.ForEach == nil || svc.Count != nil || svc.Enabled != nil || svc.Timeouts[OpCreate] != 5*time.Minute || len(svc.Timeouts) != 1 {
		t.Errorf("svc = %+v", svc)
	}
	if svc.DeclRange.Start.Line != 28 || svc.Range.End.Line != 46 {
		t.Errorf("ranges = %s, %s", svc.DeclRange, svc.Range)
	}
	l := svc.Lifecycle
	if !l.PreventDestroy || l.CreateBeforeDestroy || !l.CreateBeforeDestroySet || len(l.IgnoreChanges) != 2 || l.IgnoreAll ||
		len(l.ReplaceTriggeredBy) != 1 || len(l.Preconditions) != 1 {
		t.Errorf("lifecycle = %+v", l)
	}
	if got := svc.DependsOn; len(got) != 2 || got[0].Kind != lang.RefData || got[1].Key != addr.StringKey("a") {
		t.Errorf("depends_on = %+v", got)
	}
	// The rest of the body is exactly what belongs to the type.
	b := &schema.Block{Attributes: map[string]*schema.Attribute{"labels": {Type: cty.Map(cty.String), Optional: true}}}
	v, ds := b.Decode(svc.Body, &hcl.EvalContext{Variables: map[string]cty.Value{"each": cty.ObjectVal(map[string]cty.Value{"key": cty.StringVal("trip")})}})
	if ds.HasErrors() || v.GetAttr("labels").Index(cty.StringVal("app")).AsString() != "trip" {
		t.Errorf("Decode = %#v, %v", v, ds)
	}
	ns := c.Root.Resources[addr.Resource{Mode: addr.Managed, Type: "kubernetes_namespace", Name: "ns"}]
	if n, ds := ns.Count.Value(&hcl.EvalContext{}); ds.HasErrors() || !n.RawEquals(cty.NumberIntVal(2)) || !ns.Lifecycle.IgnoreAll {
		t.Errorf("ns: count %#v, %v, lifecycle %+v", n, ds, ns.Lifecycle)
	}
	if o := c.Root.Outputs["names"]; !o.Sensitive || o.Expr == nil {
		t.Errorf("output = %+v", o)
	}
}

// The hash says whether the configuration is the same, wherever it stands and whatever else is there.
func TestHash(t *testing.T) {
	load := func(files map[string]string) string {
		dir := t.TempDir()
		for name, text := range files {
			write(t, dir, name, text)
		}
		c, _ := Load(dir, Options{})
		return c.Hash
	}
	first := load(map[string]string{"a.mesh.hcl": "locals {}", "b.mesh.hcl": ""})
	if got := load(map[string]string{"a.mesh.hcl": "locals {}", "b.mesh.hcl": "", "x.auto.vars.hcl": "a = 1", "notes.txt": "x"}); got != first {
		t.Error("files that are no configuration change the hash")
	}
	for _, other := range []map[string]string{
		{"a.mesh.hcl": "locals {}"},
		{"a.mesh.hcl": "", "b.mesh.hcl": "locals {}"},
		{"a.mesh.hcl": "locals {} ", "b.mesh.hcl": ""},
		{"c.mesh.hcl": "locals {}", "b.mesh.hcl": ""},
	} {
		if load(other) == first {
			t.Errorf("%v has the same hash", other)
		}
	}
}

func TestLoadUnreadable(t *testing.T) {
	c, ds := Load(filepath.Join(t.TempDir(), "absent"), Options{})
	if c == nil || len(ds) != 1 || !strings.Contains(ds[0].Detail, "does not exist") {
		t.Errorf("Load of no directory = %v", ds)
	}
	dir := t.TempDir()
	write(t, dir, "big.mesh.hcl", strings.Repeat("#", MaxFileBytes+1))
	write(t, dir, "deep.mesh.hcl", "locals {\n  a = "+strings.Repeat("(", 1<<20)+"\n}")
	write(t, dir, "long.mesh.hcl", "locals {\n  a = 1"+strings.Repeat(" + 1", 1<<18)+"\n}")
	write(t, dir, "deep.mesh.hcl.json", strings.Repeat("[", 1<<20))
	write(t, dir, "quoted.mesh.hcl", "resource \"t_a\" \"b\" {\n  depends_on = [\""+strings.Repeat("(", 1<<20)+"\"]\n}")
	_, ds = Load(dir, Options{})
	var got []string
	for _, d := range ds {
		got = append(got, d.Summary)
	}
	deep := "Expression is nested too deeply"
	if diff := cmp.Diff([]string{deep, deep, deep, "Invalid depends_on", "File cannot be read"}, got); diff != "" {
		t.Errorf("summaries (-want +got):\n%s", diff)
	}
}

// A link may lead to configuration, as in a mounted ConfigMap, but not to any other file of the machine.
func TestLoadLinks(t *testing.T) {
	outside := t.TempDir()
	write(t, outside, "secret.json", `{"password": "hunter2"}`)
	write(t, outside, "shared.mesh.hcl", "locals {\n  shared = 1\n}\n")
	write(t, outside, "shared.auto.vars.hcl.json", `{"password": "known"}`)
	dir := t.TempDir()
	write(t, dir, "main.mesh.hcl", "variable \"password\" {\n  type = string\n}\n")
	for name, target := range map[string]string{
		"a.mesh.hcl": "secret.json", "b.mesh.hcl": "shared.mesh.hcl", "c.mesh.hcl": "absent.mesh.hcl", "d.mesh.hcl.json": "secret.json",
		"x.auto.vars.hcl.json": "shared.auto.vars.hcl.json", "y.auto.vars.hcl.json": "secret.json",
	} {
		if err := os.Symlink(filepath.Join(outside, target), filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
	}
	c, ds := Load(dir, Options{})
	as, more := c.Assignments(Inputs{})
	text := render(c.Files, append(ds, more...))
	if strings.Contains(text, "hunter2") || strings.Count(text, "it is a link to a file") != 3 || strings.Count(text, "does not exist") != 1 {
		t.Errorf("findings:\n%s", text)
	}
	if c.Root.Locals["shared"] == nil || len(as) != 1 {
		t.Errorf("what may be linked was not read: %v, %v", c.Root.Locals, as)
	}
}

func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{2500, 5000, 10000, 20000} {
		dir := b.TempDir()
		for file := range 10 {
			var s strings.Builder
			for i := range n / 10 {
				fmt.Fprintf(&s, "resource \"kubernetes_manifest\" \"r%d_%d\" {\n  depends_on = [kubernetes_namespace.ns]\n  manifest = {\n"+
					"    apiVersion = \"v1\"\n    kind = \"ConfigMap\"\n    metadata = { name = \"n-${local.x}-%d\" }\n  }\n}\n", file, i, i)
			}
			write(b, dir, fmt.Sprintf("f%d.mesh.hcl", file), s.String())
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if c, ds := Load(dir, Options{}); ds.HasErrors() || len(c.Root.Resources) != n {
					b.Fatal(ds)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/resource")
		})
	}
}
