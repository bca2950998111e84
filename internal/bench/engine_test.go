package bench

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/memory"
	"github.com/meshplan/meshplan/state"
	"github.com/meshplan/meshplan/state/boltstore"
)

// shapes are configurations whose cost must grow with their size and no faster.
var shapes = []struct {
	name string
	make func(n int) string
}{
	{"pairs a[k] → b[k]", func(n int) string {
		return fmt.Sprintf(`
locals { keys = toset([for p in setproduct(range(500), range(%d)) : "k${p[0]}-${p[1]}"]) }
resource "memory_object" "a" {
  for_each = local.keys
  name     = "a-${each.key}"
}
resource "memory_object" "b" {
  for_each = local.keys
  name     = "b-${each.key}"
  input    = memory_object.a[each.key].id
}`, n/1000)
	}},
	{"a look into a big map by each instance", func(n int) string {
		return fmt.Sprintf(`
locals {
  keys = toset([for p in setproduct(range(500), range(%d)) : "k${p[0]}-${p[1]}"])
  map  = { for k in local.keys : k => { text = k } }
  list = tolist(local.keys)
}
resource "memory_object" "a" {
  for_each = local.keys
  name     = "a-${each.key}"
  input    = [local.map[each.key].text, lookup(local.map, each.key, null), length(local.map), element(local.list, 7), try(local.map[each.key].none, "none")]
}`, n/500)
	}},
	{"modules of two", func(n int) string {
		return fmt.Sprintf(`
locals { keys = toset([for p in setproduct(range(500), range(%d)) : "k${p[0]}-${p[1]}"]) }
module "pair" {
  source   = "./pair"
  for_each = local.keys
  name     = each.key
}
output "count" { value = length(module.pair) }`, n/1000)
	}},
	{"fan-in of all to one", func(n int) string {
		return fmt.Sprintf(`
resource "memory_object" "many" {
  count = %d
  name  = "m-${count.index}"
}
resource "memory_object" "one" {
  name  = "one"
  input = length(memory_object.many)
}`, n-1)
	}},
	{"chain of blocks", func(n int) string {
		var b []byte
		b = append(b, "resource \"memory_object\" \"n0\" {\n  name = \"n0\"\n}\n"...)
		for i := 1; i < n; i++ {
			b = fmt.Appendf(b, "resource \"memory_object\" \"n%d\" {\n  name  = \"n%d\"\n  input = memory_object.n%d.name\n}\n", i, i, i-1)
		}
		return string(b)
	}},
}

// pair is the module of the shape that calls one.
const pair = `
variable "name" { type = string }
resource "memory_object" "a" { name = "a-${var.name}" }
resource "memory_object" "b" {
  name  = "b-${var.name}"
  input = memory_object.a.id
}
output "id" { value = memory_object.b.id }
`

// TestEngine measures the engine alone: an in-memory provider and the real store.
func TestEngine(t *testing.T) {
	enabled(t)
	if alone(t) {
		return
	}
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			times := map[int]time.Duration{}
			for _, n := range []int{10_000, 20_000, 100_000} {
				budget := map[int]time.Duration{10_000: 500 * time.Millisecond, 100_000: 5 * time.Second}[n]
				dir := t.TempDir()
				write(t, dir, "main.mesh.hcl", s.make(n))
				write(t, dir, "pair/main.mesh.hcl", pair)
				c, ds := config.Load(dir, config.Options{})
				if ds.HasErrors() {
					t.Fatal(ds)
				}
				times[n] = median(t, func() time.Duration {
					runtime.GC()
					e, _ := open(t, dir)
					start := time.Now()
					if _, ds := e.Plan(context.Background(), c, engine.PlanOptions{}); ds.HasErrors() {
						t.Fatal(ds)
					}
					return time.Since(start)
				})
				line(t, fmt.Sprintf("plan of %d new resources", n), times[n], budget)
			}
			ratio(t, "growth from 10,000 to 20,000", float64(times[20_000])/float64(times[10_000]), 2.3)
		})
	}
}

func open(t *testing.T, dir string) (*engine.Engine, state.Store) {
	t.Helper()
	store, err := boltstore.Open(filepath.Join(dir, ".meshplan", "state.db"), boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return engine.New(store, providers.Registry{"memory": memory.New(memory.NewWorld())}, engine.Options{}), store
}

// TestEngineApply measures apply, the plan after it and destroy, and the size of the state.
func TestEngineApply(t *testing.T) {
	enabled(t)
	if alone(t) {
		return
	}
	times := map[int]time.Duration{}
	for _, n := range []int{5_000, 10_000} {
		var planned time.Duration
		var size int64
		times[n] = median(t, func() time.Duration {
			dir := t.TempDir()
			write(t, dir, "main.mesh.hcl", shapes[0].make(n))
			c, ds := config.Load(dir, config.Options{})
			if ds.HasErrors() {
				t.Fatal(ds)
			}
			e, _ := open(t, dir)
			p, ds := e.Plan(context.Background(), c, engine.PlanOptions{})
			if ds.HasErrors() {
				t.Fatal(ds)
			}
			start := time.Now()
			if _, ds := e.Apply(context.Background(), c, p, engine.ApplyOptions{}); ds.HasErrors() {
				t.Fatal(ds)
			}
			took := time.Since(start)
			start = time.Now()
			p, ds = e.Plan(context.Background(), c, engine.PlanOptions{})
			if ds.HasErrors() || !p.Empty() {
				t.Fatal("the plan after the apply is not empty", ds)
			}
			planned = time.Since(start)
			info, err := os.Stat(filepath.Join(dir, ".meshplan", "state.db"))
			if err != nil {
				t.Fatal(err)
			}
			size = info.Size() / int64(n)
			return took
		})
		budget := map[int]time.Duration{5_000: 3 * time.Second}[n]
		line(t, fmt.Sprintf("apply of %d resources, journal and fsync included", n), times[n], budget, fmt.Sprintf("%d bytes of state a resource (budget 5120)", size))
		line(t, fmt.Sprintf("empty plan of %d recorded resources", n), planned, 0)
	}
	ratio(t, "growth of apply from 5,000 to 10,000", float64(times[10_000])/float64(times[5_000]), 2.3)
}
