package render

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/plans"
)

// Object is something that is recorded, as opposed to planned.
type Object struct {
	Addr     addr.Instance
	Provider string
	Value    cty.Value
	// Secret lists the paths of values that are not recorded because they are sensitive.
	Secret    []cty.Path
	DependsOn []addr.Instance
	// Remarks are shown beside the address: the run that wrote it, whether it is incomplete.
	Remarks       []string
	SchemaVersion int
}

// Output is the recorded value of an output.
type Output struct {
	Name      string
	Value     cty.Value
	Secret    []cty.Path
	Sensitive bool
}

// Objects writes recorded objects and outputs for people, in the order given.
func Objects(w io.Writer, objects []Object, outputs []Output, o TextOptions) error {
	t := &textWriter{w: bufio.NewWriter(w), o: o, b: newBuilder()}
	for _, obj := range objects {
		head := t.o.Paint.Bold(oneLine(obj.Addr.String()))
		if len(obj.Remarks) > 0 {
			head += t.o.Paint.Faint("   # " + oneLine(strings.Join(obj.Remarks, ", ")))
		}
		t.line("%s", head)
		if n := t.b.build(obj.Value, obj.Secret); n.is(object) {
			d := &differ{}
			d.members(kept, n, 0, nil)
			for _, l := range d.lines {
				t.line("    %s%s", strings.Repeat("    ", l.depth), l.text)
			}
		}
		for _, dep := range obj.DependsOn {
			t.line("    %s", t.o.Paint.Faint("# depends on "+oneLine(dep.String())))
		}
		t.line("")
	}
	if len(outputs) > 0 {
		t.line("%s", t.o.Paint.Bold("Outputs:"))
		t.line("")
		t.outputValues(outputs)
	}
	return t.w.Flush()
}

// Outputs writes recorded outputs for people, one below the other.
func Outputs(w io.Writer, outputs []Output, o TextOptions) error {
	t := &textWriter{w: bufio.NewWriter(w), o: o, b: newBuilder()}
	t.outputValues(outputs)
	return t.w.Flush()
}

func (t *textWriter) outputValues(outputs []Output) {
	d := &differ{}
	width := 0
	for _, o := range outputs {
		width = max(width, len(key(o.Name)))
	}
	for _, o := range outputs {
		d.whole(kept, t.b.outputNode(o), 0, nil, fmt.Sprintf("%-*s = ", width, key(o.Name)))
	}
	for _, l := range d.lines {
		t.line("%s%s", strings.Repeat("    ", l.depth), l.text)
	}
}

func (b *builder) outputNode(o Output) *node {
	if o.Sensitive {
		return &node{kind: secret}
	}
	return b.build(o.Value, o.Secret)
}

// OutputJSON returns an output's value as encoding/json takes it; a sensitive one is null.
func OutputJSON(o Output) any { return newBuilder().outputNode(o).json() }

// ObjectsJSON writes recorded objects and outputs in Terraform's representation of a state.
func ObjectsJSON(w io.Writer, objects []Object, outputs []Output) error {
	b := newBuilder()
	out := jsonState{FormatVersion: "1.0", Values: jsonValues{Outputs: map[string]jsonOutput{}}}
	for _, o := range outputs {
		out.Values.Outputs[o.Name] = jsonOutput{o.Sensitive, b.outputNode(o).json()}
	}
	for _, obj := range objects {
		r := out.Values.RootModule.add(&plans.Change{Addr: obj.Addr, Provider: obj.Provider}, b.build(obj.Value, obj.Secret))
		r.SchemaVersion = obj.SchemaVersion
		for _, d := range obj.DependsOn {
			r.DependsOn = append(r.DependsOn, d.String())
		}
	}
	return json.NewEncoder(w).Encode(&out)
}
