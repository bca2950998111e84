package engine_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/plans"
)

// module writes the configuration of a called module.
func (r *rig) module(dir, src string) {
	r.t.Helper()
	dir = filepath.Join(r.dir, filepath.FromSlash(dir))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "main.mesh.hcl"), []byte(src), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// fails plans and expects one error with the code.
func (r *rig) fails(code diag.Code, texts ...string) {
	r.t.Helper()
	c := r.load()
	_, ds := r.engine.Plan(context.Background(), c, engine.PlanOptions{Inputs: r.inputs})
	for _, d := range ds {
		if d.Severity != hcl.DiagError || diag.CodeOf(d) != code {
			continue
		}
		for _, text := range texts {
			if !strings.Contains(d.Summary+d.Detail, text) {
				r.t.Fatalf("%v lacks %q", d, text)
			}
		}
		return
	}
	r.t.Fatalf("no error %s: %v", code, ds)
}

func addresses(p *plans.Plan) string {
	var out []string
	for _, c := range p.Changes {
		if c.Action != plans.NoOp {
			out = append(out, c.Action.Symbol()+" "+c.Addr.String())
		}
	}
	return strings.Join(out, "\n")
}

func output(t *testing.T, p *plans.Plan, name string) cty.Value {
	t.Helper()
	for i := range p.Outputs {
		if p.Outputs[i].Name == name {
			return p.Outputs[i].After
		}
	}
	t.Fatalf("no output %s", name)
	return cty.NilVal
}

const serviceModule = `
variable "name" { type = string }
variable "from" {
  type    = any
  default = "nothing"
}
resource "memory_object" "this" {
  name  = var.name
  input = var.from
}
output "id" { value = memory_object.this.id }
output "name" { value = var.name }
`

func TestModulesCompose(t *testing.T) {
	r := newRig(t)
	r.module("service", serviceModule)
	r.module("team", `
variable "services" { type = map(string) }
module "service" {
  source   = "../service"
  for_each = var.services
  name     = each.key
  from     = each.value
}
output "ids" { value = { for k, m in module.service : k => m.id } }
`)
	src := `
module "base" {
  source = "./service"
  name   = "base"
}
module "east" {
  source   = "./team"
  services = { a = "1", b = module.base.id }
}
module "numbered" {
  source = "./service"
  count  = 2
  name   = "n${count.index}"
  from   = module.east.ids["a"]
}
output "ids" { value = module.east.ids }
output "second" { value = module.numbered[1].name }
output "all" { value = module.numbered[*].name }
`
	p := r.converge(src)
	want := `+ module.base.memory_object.this
+ module.east.module.service["a"].memory_object.this
+ module.east.module.service["b"].memory_object.this
+ module.numbered[0].memory_object.this
+ module.numbered[1].memory_object.this`
	if got := addresses(p); got != want {
		t.Errorf("changes\n%s\nwant\n%s", got, want)
	}
	next := r.plan(engine.PlanOptions{})
	if got := fmt.Sprintf("%#v %#v", output(t, next, "second"), output(t, next, "all")); got != `cty.StringVal("n1") cty.TupleVal([]cty.Value{cty.StringVal("n0"), cty.StringVal("n1")})` {
		t.Errorf("outputs %s", got)
	}
	if ids := output(t, next, "ids"); !ids.IsWhollyKnown() || ids.LengthInt() != 2 {
		t.Errorf("ids %#v", ids)
	}
	log := r.world.Log()
	if log[0] != "create base" || log[1] == "create b" && log[2] != "create a" {
		t.Errorf("writes %v", log)
	}
	r.world.Log()
	p = r.converge(strings.Replace(src, `, b = module.base.id`, ``, 1))
	if got := addresses(p); got != `- module.east.module.service["b"].memory_object.this` {
		t.Errorf("removal: %s", got)
	}
	r.world.Log()
	r.apply(r.plan(engine.PlanOptions{Mode: plans.Destroy}))
	if left := r.world.Names(); len(left) != 0 {
		t.Errorf("left %v", left)
	}
	if log := strings.Join(r.world.Log(), " "); !strings.HasSuffix(log, "delete base") && !strings.Contains(log, "delete n0") {
		t.Errorf("order of deletions: %s", log)
	}
}

func TestModuleOrderFollowsOutputsOnly(t *testing.T) {
	r := newRig(t)
	// a's output `x` feeds b, and b's output feeds a's other resource: a circle of modules, none of blocks.
	r.module("two", `
variable "late" { default = "none" }
resource "memory_object" "first" { name = "${var.name}-first" }
variable "name" { type = string }
resource "memory_object" "second" {
  name  = "${var.name}-second"
  input = var.late
}
output "first" { value = memory_object.first.id }
output "second" { value = memory_object.second.id }
`)
	r.converge(`
module "a" {
  source = "./two"
  name   = "a"
  late   = module.b.first
}
module "b" {
  source = "./two"
  name   = "b"
  late   = module.a.first
}
`)
	if got := r.world.Names(); len(got) != 4 {
		t.Errorf("objects %v", got)
	}
}

func TestModuleDependsOn(t *testing.T) {
	r := newRig(t)
	r.module("service", serviceModule)
	r.converge(`
module "first" {
  source = "./service"
  name   = "z"
}
module "second" {
  source     = "./service"
  name       = "a"
  depends_on = [module.first]
}
resource "memory_object" "last" {
  name       = "0"
  depends_on = [module.second]
}
`)
	if got := strings.Join(r.world.Log(), ", "); got != "create z, create a, create 0" {
		t.Errorf("writes: %s", got)
	}
	r.apply(r.plan(engine.PlanOptions{Mode: plans.Destroy}))
	if got := strings.Join(r.world.Log(), ", "); got != "create z, create a, create 0, delete 0, delete a, delete z" && got != "delete 0, delete a, delete z" {
		t.Errorf("writes: %s", got)
	}
}

func TestModuleVariables(t *testing.T) {
	r := newRig(t)
	r.module("m", `
variable "settings" {
  type = object({ name = string, size = optional(number, 3) })
}
variable "note" {
  type     = string
  default  = "d"
  nullable = false
}
variable "limit" {
  type = number
  validation {
    condition     = var.limit > var.settings.size
    error_message = "The limit ${var.limit} is too small."
  }
}
resource "memory_object" "x" {
  name  = var.settings.name
  input = { size = var.settings.size, note = var.note, limit = var.limit }
}
`)
	call := `
module "m" {
  source   = "./m"
  settings = { name = "x" }
  note     = null
  limit    = LIMIT
}
`
	p := r.converge(strings.Replace(call, "LIMIT", "4", 1))
	if got := p.Changes[0].After.GetAttr("input").GetAttr("size"); !got.RawEquals(cty.NumberIntVal(3)) {
		t.Errorf("size %#v", got)
	}
	if got := p.Changes[0].After.GetAttr("input").GetAttr("note"); !got.RawEquals(cty.StringVal("d")) {
		t.Errorf("note %#v", got)
	}
	r.write(strings.Replace(call, "LIMIT", "3", 1))
	r.fails("variable.validation", "The limit 3 is too small.")
	r.write(strings.Replace(call, "LIMIT", `"many"`, 1))
	r.fails("variable.invalid", "limit")
}

func TestModuleRuleIsDecidedAtApply(t *testing.T) {
	r := newRig(t)
	r.module("m", `
variable "id" {
  type = string
  validation {
    condition     = length(var.id) > 100
    error_message = "The identity is short."
  }
}
resource "memory_object" "x" {
  name  = "x"
  input = var.id
}
`)
	r.write(`
resource "memory_object" "a" { name = "a" }
module "m" {
  source = "./m"
  id     = memory_object.a.id
}
`)
	_, ds := r.tryApply(r.plan(engine.PlanOptions{}))
	if !ds.HasErrors() || !strings.Contains(ds.Error(), "The identity is short.") {
		t.Errorf("apply: %v", ds)
	}
	if got := r.world.Names(); len(got) != 1 {
		t.Errorf("objects %v", got)
	}
}

func TestModuleSecretsStaySecret(t *testing.T) {
	r := newRig(t)
	r.module("m", `
variable "password" {
  type      = string
  sensitive = true
}
output "echo" { value = "x-${var.password}" }
`)
	r.write(`
module "m" {
  source   = "./m"
  password = "hunter2"
}
output "shown" { value = module.m.echo }
`)
	r.fails("config.sensitive-output")
}

func TestModuleKeysMustFollowFromValues(t *testing.T) {
	r := newRig(t)
	r.module("service", serviceModule)
	r.write(`
resource "memory_object" "a" { name = "a" }
module "m" {
  source   = "./service"
  for_each = toset([memory_object.a.id])
  name     = each.key
}
`)
	r.fails("config.expansion", "variables, locals and functions")
	r.write(`
module "names" {
  source = "./names"
}
module "m" {
  source   = "./service"
  for_each = module.names.all
  name     = each.key
}
`)
	r.module("names", `output "all" { value = toset(["p", "q"]) }`)
	if got := addresses(r.plan(engine.PlanOptions{})); got != `+ module.m["p"].memory_object.this
+ module.m["q"].memory_object.this` {
		t.Error(got)
	}
	r.write(`
module "m" {
  source  = "./service"
  enabled = false
  name    = "x"
}
output "o" { value = one(module.m[*].name) }
`)
	if p := r.plan(engine.PlanOptions{}); len(p.Changes) != 0 {
		t.Error(addresses(p))
	}
}

func TestModuleReferencesAreChecked(t *testing.T) {
	r := newRig(t)
	r.module("service", serviceModule)
	call := `
module "m" {
  source = "./service"
  name   = "x"
}
module "k" {
  source   = "./service"
  for_each = toset(["a"])
  name     = each.key
}
output "o" { value = EXPR }
`
	for expr, text := range map[string]string{
		"module.x.id":           `Did you mean "k"?`,
		"module.m.ids":          `Did you mean "id"?`,
		"module.k.id":           `module.k["key"].id`,
		"memory_object.this.id": "in this configuration",
	} {
		r.write(strings.Replace(call, "EXPR", expr, 1))
		r.fails("config.no-such-reference", text)
	}
	r.module("service", serviceModule+`output "broken" { value = local.nothing }`)
	r.write(strings.Replace(call, "EXPR", "1", 1))
	r.fails("config.no-such-reference", "in the module service")
}

func TestCycleThroughModules(t *testing.T) {
	r := newRig(t)
	r.module("service", serviceModule)
	r.write(`
module "a" {
  source = "./service"
  name   = module.b.name
}
module "b" {
  source = "./service"
  name   = module.a.name
}
`)
	r.fails("config.cycle", "module.a.var.name", "module.b.var.name")
	r.write(`
module "a" {
  source   = "./service"
  for_each = toset([for k, m in module.a : m.name])
  name     = each.key
}
`)
	r.fails("config.cycle", "module.a")
}

func TestProvidersReachModules(t *testing.T) {
	r := newRig(t)
	r.module("m", `
meshplan {
  required_providers {
    memory = { configuration_aliases = [memory.other] }
  }
}
resource "memory_object" "x" { name = "x" }
resource "memory_object" "y" {
  provider = memory.other
  name     = "y"
}
`)
	p := r.converge(`
provider "memory" { identity = "one" }
provider "memory" {
  alias    = "east"
  identity = "two"
}
module "m" {
  source    = "./m"
  providers = { memory = memory, memory.other = memory.east }
}
`)
	got := map[string]string{}
	for _, c := range p.Changes {
		got[c.Addr.Name] = c.Provider
	}
	if got["x"] != "memory" || got["y"] != "memory.east" {
		t.Errorf("providers %v", got)
	}
}

func TestProviderThatDependsOnResources(t *testing.T) {
	r := newRig(t)
	src := `
resource "memory_object" "cluster" { name = "cluster" }
provider "memory" {
  alias    = "late"
  identity = memory_object.cluster.id
}
resource "memory_object" "x" {
  provider = memory.late
  name     = "x"
}
`
	r.converge(src)
	if got := strings.Join(r.world.Log(), ", "); got != "create cluster, create x" {
		t.Errorf("writes: %s", got)
	}
	snap, err := r.store.Snapshot(context.Background())
	if err != nil || snap.Clusters["memory.late"] == "" {
		t.Errorf("clusters %v, %v", snap.Clusters, err)
	}
	o := r.world.Objects()["x"]
	o.Input = `{"value":"by hand","type":"string"}`
	r.world.Put("x", o)
	if p := r.plan(engine.PlanOptions{}); len(p.Drift) != 1 || p.Counts().Update != 1 {
		t.Errorf("drift %v, %s", p.Drift, summary(p))
	}
	r.apply(r.plan(engine.PlanOptions{}))
	r.empty()
	r.write(strings.Replace(src, `name = "cluster"`, `name = "new"`, 1))
	r.fails("config.provider-unknown", "--target")
	r.write(src)
	r.apply(r.plan(engine.PlanOptions{Mode: plans.Destroy}))
	if left := r.world.Names(); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

func TestChecksWarn(t *testing.T) {
	r := newRig(t)
	src := `
resource "memory_object" "a" {
  name  = "a"
  input = "1"
}
check "value" {
  data "memory_object" "seen" { name = memory_object.a.name }
  assert {
    condition     = data.memory_object.seen.input == "1"
    error_message = "It is ${data.memory_object.seen.input}."
  }
}
`
	r.write(src)
	p, ds := r.tryPlan(engine.PlanOptions{})
	if ds.HasErrors() || len(ds) == 0 {
		t.Fatalf("plan: %v", ds)
	}
	if _, ds = r.tryApply(p); len(ds) != 0 {
		t.Errorf("apply: %v", ds)
	}
	if _, ds = r.tryPlan(engine.PlanOptions{}); len(ds) != 0 {
		t.Errorf("plan: %v", ds)
	}
	r.write(strings.Replace(src, `input = "1"`, `input = "2"`, 1))
	p, _ = r.tryPlan(engine.PlanOptions{})
	_, ds = r.tryApply(p)
	if ds.HasErrors() || !strings.Contains(ds.Error(), "It is 2.") || diag.CodeOf(ds[0]) != engine.CodeCheck {
		t.Errorf("apply: %v", ds)
	}
	r.write(src + `output "o" { value = data.memory_object.seen.input }`)
	r.fails("config.no-such-reference")
}

func TestTargetsNameModules(t *testing.T) {
	r := newRig(t)
	r.module("service", serviceModule)
	r.write(`
module "m" {
  source   = "./service"
  for_each = toset(["a", "b"])
  name     = each.key
}
resource "memory_object" "other" { name = "other" }
`)
	if got := addresses(r.plan(engine.PlanOptions{Targets: []string{"module.m"}})); got != `+ module.m["a"].memory_object.this
+ module.m["b"].memory_object.this` {
		t.Error(got)
	}
	if got := addresses(r.plan(engine.PlanOptions{Targets: []string{`module.m["b"]`}})); got != `+ module.m["b"].memory_object.this` {
		t.Error(got)
	}
}

func TestModuleReadsItsOwnFiles(t *testing.T) {
	outside := t.TempDir()
	r := newRig(t)
	r.module("m", `output "text" { value = file("${path.module}/note.txt") }`)
	if err := os.WriteFile(filepath.Join(r.dir, "m", "note.txt"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.write(`
module "m" { source = "./m" }
output "text" { value = module.m.text }
`)
	if got := output(t, r.plan(engine.PlanOptions{}), "text"); !got.RawEquals(cty.StringVal("hello")) {
		t.Errorf("text %#v", got)
	}
	if err := os.WriteFile(filepath.Join(outside, "note.txt"), []byte("no"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.module("m", fmt.Sprintf(`output "text" { value = file(%q) }`, filepath.Join(outside, "note.txt")))
	if _, ds := r.tryPlan(engine.PlanOptions{}); !ds.HasErrors() {
		t.Error("a module reads outside of its directory")
	}
}

func TestDeprecatedOutputWarns(t *testing.T) {
	r := newRig(t)
	r.module("m", `
output "old" {
  value      = 1
  deprecated = "Use new."
}`)
	r.write(`
module "m" { source = "./m" }
output "o" { value = module.m.old }
`)
	if _, ds := r.tryPlan(engine.PlanOptions{}); ds.HasErrors() || !strings.Contains(ds.Error(), "Use new.") {
		t.Errorf("plan: %v", ds)
	}
}

func TestEachValueFollowsResources(t *testing.T) {
	r := newRig(t)
	r.module("service", serviceModule)
	r.converge(`
module "m" {
  source   = "./service"
  for_each = toset(["a", "b"])
  name     = each.key
}
resource "memory_object" "note" {
  for_each = module.m
  name     = "note-${each.key}"
  input    = each.value.id
}
module "again" {
  source   = "./service"
  for_each = { for k, m in module.m : k => m.id }
  name     = "again-${each.key}"
  from     = each.value
}
`)
	for range 100 { // values and what reads them are visited at the same time
		r.empty()
	}
	for _, name := range []string{"note-a", "again-b"} {
		if got, want := r.world.Objects()[name].Input, r.world.Objects()[name[len(name)-1:]].ID; !strings.Contains(got, want) {
			t.Errorf("%s holds %s, not %s", name, got, want)
		}
	}
}

func TestSensitiveValuesUnderPlainKeys(t *testing.T) {
	r := newRig(t)
	p := r.converge(`
variable "token" {
  type      = string
  default   = "t0ken"
  sensitive = true
}
resource "memory_object" "x" {
  for_each = { a = var.token }
  name     = each.key
  secret   = each.value
}
`)
	if len(p.Changes) != 1 {
		t.Errorf("changes: %s", addresses(p))
	}
	r.write(`
variable "names" {
  type      = set(string)
  default   = ["a"]
  sensitive = true
}
resource "memory_object" "x" {
  for_each = var.names
  name     = each.key
}
`)
	r.fails("config.expansion", "nonsensitive()")
}

func TestAttributeOfSeveralInstances(t *testing.T) {
	r := newRig(t)
	r.write(`
resource "memory_object" "web" {
  for_each = toset(["a"])
  name     = each.key
}
output "o" { value = memory_object.web.name }
`)
	r.fails("config.no-such-reference", `memory_object.web["key"].name`, "values(memory_object.web)[*].name")
}
