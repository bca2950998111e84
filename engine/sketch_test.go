package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/plans"
)

// TestTagsThatComeByReference: a tag made of an attribute of another block orders as a written one does, whatever way it takes;
// what only applying or an earlier value can tell orders nothing.
func TestTagsThatComeByReference(t *testing.T) {
	const space = `
resource "memory_object" "space" {
  name = "shop"
}
resource "memory_object" "first" {
  name     = "first"
  provides = ["server/shop"]
}
`
	for name, c := range map[string]struct {
		config string
		after  bool
	}{
		"written": {`resource "memory_object" "x" {
  name  = "x"
  after = ["server/shop"]
}`, true},
		"reference": {`resource "memory_object" "x" {
  name  = "x"
  after = ["server/${memory_object.space.name}"]
}`, true},
		"through another": {`
resource "memory_object" "mid" {
  name   = "mid"
  secret = memory_object.space.name
}
resource "memory_object" "x" {
  name  = "x"
  after = ["server/${nonsensitive(memory_object.mid.secret)}"]
}`, true},
		"local": {`
locals { ns = memory_object.space.name }
resource "memory_object" "x" {
  name  = "x"
  after = ["server/${local.ns}"]
}`, true},
		"module": {`
module "m" {
  source = "./m"
  ns     = memory_object.space.name
}
output "o" { value = module.m.ns }
resource "memory_object" "x" {
  name  = "x"
  after = ["server/${module.m.ns}"]
}`, true},
		"each value": {`
resource "memory_object" "x" {
  for_each = { a = memory_object.space.name }
  name     = "x"
  after    = ["server/${each.value}"]
}`, true},
		"each value of a module": {`
module "m" {
  source   = "./m"
  for_each = { a = memory_object.space.name }
  ns       = each.value
}
resource "memory_object" "x" {
  name  = "x"
  after = ["server/${module.m["a"].ns}"]
}`, true},
		"instance": {`
resource "memory_object" "many" {
  for_each = toset(["shop", "other"])
  name     = "${each.key}-x"
  input    = each.key
}
resource "memory_object" "x" {
  name  = "x"
  after = ["server/${memory_object.many["shop"].input}"]
}`, true},
		"collection": {`
resource "memory_object" "many" {
  count = 2
  name  = "many-${count.index}"
  input = "shop"
}
resource "memory_object" "x" {
  name  = "x"
  after = [for m in memory_object.many : "server/${m.input}"]
}`, true},
		"computed": {`resource "memory_object" "x" {
  name  = "x"
  after = ["server/${memory_object.space.id}"]
}`, false},
		"ignored changes": {`
resource "memory_object" "mid" {
  name  = "mid"
  input = memory_object.space.name
  lifecycle { ignore_changes = [input] }
}
resource "memory_object" "x" {
  name  = "x"
  after = ["server/${memory_object.mid.input}"]
}`, false},
		"another": {`resource "memory_object" "x" {
  name  = "x"
  after = ["server/${upper(memory_object.space.name)}"]
}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.module("m", "variable \"ns\" { type = string }\nresource \"memory_object\" \"in\" {\n  name  = \"in-${var.ns}\"\n  input = var.ns\n}\noutput \"ns\" { value = memory_object.in.input }\n")
			r.write(space + c.config)
			for _, change := range r.plan(engine.PlanOptions{}).Changes {
				if change.Addr.Resource.Name != "x" {
					continue
				}
				deps := dependsOn(change)
				if got := slices.Contains(deps, "memory_object.first"); got != c.after {
					t.Errorf("%s comes after %v", change.Addr, deps)
				}
			}
		})
	}
}

// dependsOn names what a change comes after.
func dependsOn(c *plans.Change) (out []string) {
	for _, d := range c.DependsOn {
		out = append(out, d.String())
	}
	return out
}

// TestTagsHoldWithinOneSystem: what is called the same in another cluster is something else, and a provider that is not known
// yet may be any.
func TestTagsHoldWithinOneSystem(t *testing.T) {
	r := newRig(t)
	r.write(`
provider "memory" { identity = "west" }
provider "memory" {
  alias    = "east"
  identity = "east"
}
provider "memory" {
  alias    = "twin"
  identity = "east"
}
provider "memory" {
  alias    = "late"
  identity = memory_object.space.id
}
resource "memory_object" "space" {
  name     = "west"
  provides = ["ns"]
}
resource "memory_object" "east" {
  name     = "east"
  provides = ["ns"]
  provider = memory.east
}
resource "memory_object" "in_west" {
  name  = "in-west"
  after = ["ns"]
}
resource "memory_object" "in_east" {
  name     = "in-east"
  after    = ["ns"]
  provider = memory.twin
}
resource "memory_object" "before_east" {
  name     = "before-east"
  before   = ["ns"]
  provider = memory.twin
}
resource "memory_object" "somewhere" {
  name     = "somewhere"
  after    = ["ns"]
  provider = memory.late
}
`)
	want := map[string]string{
		"in_west": "memory_object.space", "in_east": "memory_object.east", "before_east": "", "space": "",
		"east": "memory_object.before_east", "somewhere": "memory_object.east memory_object.space",
	}
	for _, change := range r.plan(engine.PlanOptions{}).Changes {
		if got := strings.Join(dependsOn(change), " "); got != want[change.Addr.Resource.Name] {
			t.Errorf("%s comes after %q, want %q", change.Addr, got, want[change.Addr.Resource.Name])
		}
	}
}
