package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/ui"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/memory"
)

// strict forbids in a schema whatever it does not name. Readers must be lenient; the tests are not, or the schema would
// fall behind.
func strict(v any) {
	switch v := v.(type) {
	case map[string]any:
		if props, ok := v["properties"].(map[string]any); ok && v["type"] == "object" && v["additionalProperties"] == nil {
			v["additionalProperties"] = len(props) == 0
		}
		for _, e := range v {
			strict(e)
		}
	case []any:
		for _, e := range v {
			strict(e)
		}
	}
}

func outputSchema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	var out bytes.Buffer
	if code := run(&app{in: strings.NewReader(""), out: &out, err: &out, registry: inMemory, now: time.Now}, []string{"schema", "--json-output", name}); code != exitOK {
		t.Fatal(out.String())
	}
	doc, err := jsonschema.UnmarshalJSON(&out)
	if err != nil {
		t.Fatal(err)
	}
	strict(doc)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func holds(t *testing.T, s *jsonschema.Schema, text []byte) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	if err := s.Validate(v); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

// machine runs commands on objects in memory and validates what they print for machines.
type machine struct {
	t      *testing.T
	dir    string
	world  *memory.World
	fail   string // an operation that fails, as `create:name`
	stream *jsonschema.Schema
	types  map[string]bool // the types of messages that were seen
}

func (m *machine) run(code int, args ...string) []byte {
	m.t.Helper()
	var out, errs bytes.Buffer
	a := &app{in: strings.NewReader(""), out: &out, err: &errs, now: time.Now, registry: func(connection) providers.Registry {
		return providers.Registry{"memory": memory.New(m.world)}
	}}
	if got := run(a, args); got != code {
		m.t.Fatalf("%v: exit code %d, want %d\n%s%s", args, got, code, out.String(), errs.String())
	}
	return out.Bytes()
}

// messages validates a stream line by line.
func (m *machine) messages(text []byte) {
	m.t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for n := 0; lines.Scan(); n++ {
		var head struct{ Type string }
		if err := json.Unmarshal(lines.Bytes(), &head); err != nil || n == 0 && head.Type != "version" {
			m.t.Fatalf("line %d: %v: %s", n+1, err, lines.Text())
		}
		m.types[head.Type] = true
		holds(m.t, m.stream, lines.Bytes())
	}
}

const machineConfig = `
variable "text" {
  type    = string
  default = "one"
}

variable "password" {
  type      = string
  sensitive = true
  default   = "hidden"
}

module "m" {
  source = "./m"
  text   = var.text
}

resource "memory_object" "base" {
  name  = "base"
  input = { text = var.text }
}

resource "memory_object" "many" {
  for_each   = toset(["a", "b"])
  name       = "many-${each.key}"
  input      = { text = memory_object.base.id, password = var.password }
  depends_on = [module.m]
}

resource "memory_object" "counted" {
  count = 2
  name  = "counted-${count.index}"
}

output "text" {
  value = var.text
}

output "password" {
  value     = var.password
  sensitive = true
}

check "short" {
  assert {
    condition     = length(var.text) < 4
    error_message = "It is long."
  }
}
`

// What plan, apply, drift, destroy and show print for machines is what the published schemas say, and every type of message
// that they name occurs.
func TestOutputMeetsItsSchema(t *testing.T) {
	world := memory.NewWorld()
	m := &machine{t: t, dir: t.TempDir(), world: world, stream: outputSchema(t, "stream"), types: map[string]bool{}}
	world.SetFault(func(op, name string) (error, bool) {
		if m.fail == op+":"+name {
			return errors.New("planned"), false
		}
		return nil, false
	})
	plan, validate := outputSchema(t, "plan"), outputSchema(t, "validate")
	write := func(name, text string) {
		file := filepath.Join(m.dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("shop.mesh.hcl", machineConfig)
	write("m/m.mesh.hcl", "variable \"text\" {\n  type = string\n}\nresource \"memory_object\" \"inner\" {\n  name  = \"inner\"\n  input = { text = var.text }\n}\n")
	file := filepath.Join(m.dir, "a.plan")

	m.messages(m.run(exitOK, "plan", "--json", "--out", file, m.dir))
	holds(t, plan, m.run(exitOK, "show", "--json", file))
	m.fail = "create:base"
	m.messages(m.run(exitPartly, "apply", "--json", "--auto-approve", m.dir))
	m.fail = ""
	m.messages(m.run(exitOK, "apply", "--json", "--auto-approve", m.dir))
	o := world.Objects()["inner"]
	o.Input = `{"value":{"text":"by hand"},"type":["object",{"text":"string"}]}`
	world.Put("inner", o)
	world.Remove("counted-1")
	m.messages(m.run(exitChanges, "drift", "--json", m.dir))
	for i, args := range [][]string{{"--var", "text=longer"}, {"--destroy"}, {"--refresh-only"}, {"--offline"}, {"--replace", "memory_object.base"}, {"--target", "module.m"}} {
		m.messages(m.run(exitOK, append([]string{"plan", "--json", "--out", file, m.dir}, args...)...))
		holds(t, plan, m.run(exitOK, "show", "--json", file))
		if i == 0 {
			m.messages(m.run(exitOK, "apply", "--json", file))
		}
	}
	var progress bytes.Buffer // objects in memory are ready at once
	view := ui.NewStreamView(ui.NewStream(&progress, "1.0.0", time.Now))
	step := engine.Step{Addr: addr.Resource{Mode: addr.Managed, Type: "memory_object", Name: "base"}.Instance(addr.NoKey), Op: plans.OpCreate}
	view.Handle(engine.StepProgress{Step: step, Progress: providers.Progress{Message: "2/3 ready", Done: 2, Total: 3}, Elapsed: time.Second})
	view.Close()
	m.messages(progress.Bytes())
	m.messages(m.run(exitOK, "rollback", "--json", "--auto-approve", "-C", m.dir))
	m.messages(m.run(exitOK, "destroy", "--json", "--auto-approve", m.dir))
	holds(t, validate, m.run(exitOK, "validate", "--json", m.dir))
	write("wrong.mesh.hcl", "resource \"memory_object\" \"x\" {\n  nmae = 1\n}\n")
	holds(t, validate, m.run(exitFailure, "validate", "--json", m.dir))
	m.messages(m.run(exitFailure, "plan", "--json", m.dir))

	var published struct {
		Properties struct {
			Type struct{ Examples []string }
		}
	}
	text, err := outputSchemas.ReadFile("schemas/stream.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &published); err != nil {
		t.Fatal(err)
	}
	for _, want := range published.Properties.Type.Examples {
		if !m.types[want] {
			t.Errorf("no message of type %s: the test does not see all that the schema says", want)
		}
		delete(m.types, want)
	}
	if len(m.types) > 0 {
		t.Errorf("the schema does not name the types %v", slices.Sorted(maps.Keys(m.types)))
	}
}

func TestOutputSchemaNames(t *testing.T) {
	var out, errs bytes.Buffer
	a := &app{in: strings.NewReader(""), out: &out, err: &errs, registry: inMemory, now: time.Now}
	if code := run(a, []string{"schema", "--json-output", "nothing"}); code != exitFailure || !strings.Contains(errs.String(), "the outputs are plan, stream and validate") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
}

// --json-into takes the messages of every command that runs long, beside what is shown.
func TestEveryLongCommandHasJSONInto(t *testing.T) {
	root := (&app{in: strings.NewReader(""), out: &bytes.Buffer{}, err: &bytes.Buffer{}, registry: inMemory, now: time.Now}).root()
	for _, name := range []string{"plan", "apply", "destroy", "rollback", "drift", "import"} {
		cmd, _, err := root.Find([]string{name})
		if err != nil || cmd.Flags().Lookup("json-into") == nil || cmd.Flags().Lookup("json") == nil {
			t.Errorf("%s has no --json or no --json-into", name)
		}
	}
}

// The policy of the templates reads what the plan has: a misspelt path would never match, and so never deny.
func TestPolicyReadsWhatIsThere(t *testing.T) {
	policy, err := os.ReadFile(filepath.Join(templates, "policy", "meshplan.rego"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := outputSchemas.ReadFile("schemas/plan.json")
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	defs := root["$defs"].(map[string]any)
	seen := 0
	for _, m := range regexp.MustCompile(`\b(input|change)((?:\.[a-z_]+)+)`).FindAllStringSubmatch(string(policy), -1) {
		at := any(root)
		if m[1] == "change" {
			at = defs["resource_change"]
		}
		for _, name := range strings.Split(m[2][1:], ".") {
			node, _ := at.(map[string]any)
			if ref, ok := node["$ref"].(string); ok {
				node = defs[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
			}
			props, described := node["properties"].(map[string]any)
			if !described {
				break // below a value of the configuration
			}
			if at = props[name]; at == nil {
				t.Errorf("the policy reads %s%s, but a plan has no %s there", m[1], m[2], name)
				break
			}
		}
		seen++
	}
	if seen < 10 {
		t.Errorf("only %d paths found", seen)
	}
}
