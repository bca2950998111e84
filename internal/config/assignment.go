package config

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/meshplan/meshplan/internal/diag"
)

// EnvPrefix begins the name of an environment variable that gives a value to a variable.
const EnvPrefix = "MESHPLAN_VAR_"

// origin is the kind of place where a value was given. The zero value stands for a flag or a program.
type origin uint8

const (
	fromFlag origin = iota
	fromEnvironment
	fromFile
)

// Assignment gives one variable a value. Programs may make their own from Name, Source and Text.
type Assignment struct {
	Name string
	// Source says where it was given, for people: `the flag --var`, `prod.vars.hcl`.
	Source string
	// Text is the value as typed on a command line or in the environment; Expr, from a file, goes before it.
	Text string
	Expr hcl.Expression
	// Range is the place in a file, or zero.
	Range hcl.Range

	origin origin
}

// Inputs are the places where values of variables come from, least important first. Between Environ and Files come the
// *.auto.vars.hcl files of the directory, in the order of their names.
type Inputs struct {
	// Environ has the form of os.Environ. What does not start with EnvPrefix is passed over.
	Environ []string
	// Files are the paths of --var-file, in their order.
	Files []string
	// Flags are the arguments of --var, `name=value`, in their order.
	Flags []string
}

// Assignments collects the assignments of all inputs in the order in which later ones count more.
//
// Why variable files are not added to c.Files: they may hold secrets, and a diagnostic about one line would show it. So
// no message quotes a value or the source of one; the ranges say where to look.
func (c *Config) Assignments(in Inputs) ([]Assignment, hcl.Diagnostics) {
	var out []Assignment
	for _, e := range slices.Sorted(slices.Values(in.Environ)) {
		name, text, ok := strings.Cut(e, "=")
		if ok && strings.HasPrefix(name, EnvPrefix) {
			out = append(out, Assignment{Name: strings.TrimPrefix(name, EnvPrefix), Source: "the environment variable " + name, Text: text, origin: fromEnvironment})
		}
	}
	auto, ds := c.autoFiles()
	for i, path := range append(auto, in.Files...) {
		suffix := ""
		if i < len(auto) {
			suffix = autoSuffix
		}
		more, fds := fileAssignments(path, suffix)
		out, ds = append(out, more...), append(ds, fds...)
	}
	for _, f := range in.Flags {
		name, text, ok := strings.Cut(f, "=")
		if name = strings.TrimSpace(name); !ok || !hclsyntax.ValidIdentifier(name) {
			ds = append(ds, diag.Error(CodeInvalidVariable, "Invalid --var", "The flag --var needs a name, an equals sign and a value, as in --var 'region=eu'.", nil))
			continue
		}
		out = append(out, Assignment{Name: name, Source: "the flag --var", Text: text})
	}
	return out, diag.Sort(ds)
}

// autoFiles lists the variable files that are read without being named.
func (c *Config) autoFiles() ([]string, hcl.Diagnostics) {
	entries, err := os.ReadDir(c.Dir)
	if err != nil {
		return nil, nil // Load reported it
	}
	var out []string
	var ds hcl.Diagnostics
	for _, e := range entries {
		switch {
		case named(e.Name(), autoSuffix):
			out = append(out, filepath.Join(c.Dir, e.Name()))
		case e.Name() == "terraform.tfvars", strings.HasSuffix(e.Name(), ".auto.tfvars"):
			ds = append(ds, diag.Warning(CodeIgnoredFile, "Variable file is not read", fmt.Sprintf("The file %q has a name that only Terraform reads. Rename it to %s, "+
				"or name it with --var-file.", e.Name(), strings.TrimSuffix(strings.TrimSuffix(e.Name(), ".tfvars"), ".auto")+autoSuffix), nil))
		}
	}
	return out, ds
}

// fileAssignments reads a variable file: nothing but `name = constant`. Suffix is as for parseFile.
func fileAssignments(path, suffix string) ([]Assignment, hcl.Diagnostics) {
	text, file, ds := parseFile(path, suffix, nil)
	if file == nil {
		return nil, ds
	}
	attrs, more := file.Body.JustAttributes()
	ds = clamped(append(ds, coded(more, CodeSyntax)...), map[string]*hcl.File{path: {Bytes: text}})
	var out []Assignment
	for _, a := range inOrder(attrs) {
		out = append(out, Assignment{Name: a.Name, Source: filepath.Base(path), Expr: a.Expr, Range: a.Expr.Range(), origin: fromFile})
	}
	return out, ds
}
