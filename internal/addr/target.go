package addr

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Step is one step of a module's path: a call, and which of its instances.
type Step struct {
	Name string
	Key  Key
}

// Child returns the module that a call in m makes.
func (m Module) Child(name string, k Key) Module {
	text := "module." + name + k.String()
	if m == "" {
		return Module(text)
	}
	return m + "." + Module(text)
}

// Join returns the module that inner, which is relative to m, is in the whole configuration.
func (m Module) Join(inner Module) Module {
	switch {
	case m == "":
		return inner
	case inner == "":
		return m
	}
	return m + "." + inner
}

// Steps returns the path from the root. It costs O(length) and fails only for text that no Child has made.
func (m Module) Steps() ([]Step, error) {
	if m == "" {
		return nil, nil
	}
	t, err := ParseTarget(string(m))
	if err != nil || t.Mode != 0 {
		return nil, fmt.Errorf("%q is not a module", m)
	}
	return t.Path, nil
}

// Target names one or several instances: those of a module call, of a module instance, of a resource, or a single
// one. A step or a resource without a key stands for every key.
type Target struct {
	Path []Step // modules from the outside in
	// Mode, Type and Name are zero when a module as a whole is meant.
	Mode Mode
	Type string
	Name string
	Key  Key
}

// ParseTarget reads a target. The error says which part of s cannot be understood.
func ParseTarget(s string) (Target, error) {
	trav, diags := hclsyntax.ParseTraversalAbs([]byte(s), "", hcl.InitialPos)
	if diags.HasErrors() {
		return Target{}, fmt.Errorf("%q is not an address: %s", s, diags[0].Detail)
	}
	t, err := TargetFromTraversal(trav)
	if err != nil {
		return Target{}, fmt.Errorf("%q is not an address: %w", s, err)
	}
	return t, nil
}

// TargetFromTraversal reads a target that an absolute traversal spells, all of it.
func TargetFromTraversal(t hcl.Traversal) (Target, error) {
	var out Target
	i := 0
	for i < len(t) && stepName(t[i]) == "module" {
		if i+1 >= len(t) || stepName(t[i+1]) == "" {
			return out, fmt.Errorf("a module name must follow \"module.\"")
		}
		step := Step{Name: stepName(t[i+1])}
		if i += 2; i < len(t) {
			if index, ok := t[i].(hcl.TraverseIndex); ok {
				k, err := KeyFromValue(index.Key)
				if err != nil {
					return out, err
				}
				step.Key = k
				i++
			}
		}
		out.Path = append(out.Path, step)
	}
	if i == len(t) && i > 0 {
		return out, nil
	}
	rest := hcl.Traversal{hcl.TraverseRoot{Name: stepName(t[i])}}
	inst, left, err := FromTraversal(append(rest, t[i+1:]...))
	if err != nil {
		return out, err
	}
	if len(left) > 0 {
		return out, fmt.Errorf("it goes on behind %s", inst)
	}
	out.Mode, out.Type, out.Name, out.Key = inst.Mode, inst.Type, inst.Name, inst.Key
	return out, nil
}

func stepName(s hcl.Traverser) string {
	switch s := s.(type) {
	case hcl.TraverseRoot:
		return s.Name
	case hcl.TraverseAttr:
		return s.Name
	}
	return ""
}

// IsModule reports whether t names a module call or a module instance.
func (t Target) IsModule() bool { return t.Mode == 0 }

// Instance returns the single instance that t names when every step without a key means the one without a key. It must
// not be that of a module.
func (t Target) Instance() Instance {
	var m Module
	for _, s := range t.Path {
		m = m.Child(s.Name, s.Key)
	}
	return Resource{Module: m, Mode: t.Mode, Type: t.Type, Name: t.Name}.Instance(t.Key)
}

// In returns t as seen from outside of the modules in path, which hold it.
func (t Target) In(path []Step) Target {
	t.Path = append(append([]Step(nil), path...), t.Path...)
	return t
}

// Contains reports whether t names i, alone or among others. It costs O(length of the module path).
func (t Target) Contains(i Instance) bool {
	steps, err := i.Module.Steps()
	if err != nil || len(steps) < len(t.Path) || t.Mode != 0 && len(steps) != len(t.Path) {
		return false
	}
	for n, want := range t.Path {
		if steps[n].Name != want.Name || want.Key != NoKey && steps[n].Key != want.Key {
			return false
		}
	}
	return t.Mode == 0 || t.Mode == i.Mode && t.Type == i.Type && t.Name == i.Name && (t.Key == NoKey || t.Key == i.Key)
}

// String returns the target as HCL would refer to it.
func (t Target) String() string {
	var m Module
	for _, s := range t.Path {
		m = m.Child(s.Name, s.Key)
	}
	if t.Mode == 0 {
		return string(m)
	}
	return strings.TrimPrefix(Resource{Module: m, Mode: t.Mode, Type: t.Type, Name: t.Name}.Instance(t.Key).String(), ".")
}
