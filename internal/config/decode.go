package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/meshplan/meshplan/internal/diag"
)

// decoder turns the blocks of all files of a directory into one module.
type decoder struct {
	options  Options
	module   *Module
	root     bool // not a called module
	settings *Settings
	// onFailureRange is where on_failure was set, for a second one.
	onFailureRange hcl.Range
	diags          hcl.Diagnostics
	meta           *hcl.BodySchema // of every resource block
	addresses      addresses
}

// A blockKind is a block at the top level of a file.
type blockKind struct {
	labels []string
	// decode reads the block; nil means that the block is known but not supported, for which hint says what to do.
	decode func(*decoder, *hcl.Block)
	hint   string
}

// blockKinds are the blocks at the top level of a file. To support another one is to give it a decode function.
func blockKinds() map[string]blockKind {
	return map[string]blockKind{
		"meshplan": {decode: (*decoder).settingsBlock},
		"provider": {labels: []string{"name"}, decode: (*decoder).providerBlock},
		"variable": {labels: []string{"name"}, decode: (*decoder).variableBlock},
		"locals":   {decode: (*decoder).localsBlock},
		"output":   {labels: []string{"name"}, decode: (*decoder).outputBlock},
		"resource": {labels: []string{"type", "name"}, decode: (*decoder).resourceBlock},
		"data":     {labels: []string{"type", "name"}, decode: (*decoder).resourceBlock},
		"module":   {labels: []string{"name"}, decode: (*decoder).moduleBlock},
		"check":    {labels: []string{"name"}, decode: (*decoder).checkBlock},
		"moved":    {decode: (*decoder).movedBlock},
		"import":   {decode: (*decoder).importBlock},
		"removed":  {decode: (*decoder).removedBlock},
		"terraform": {hint: "They belong to Terraform. Settings stand in a block \"meshplan\" here, as in meshplan { required_version = \">= 0.1\" }; " +
			"providers are compiled in and need no required_providers."},
		"ephemeral": {labels: []string{"type", "name"}, hint: "Use a variable with ephemeral = true for values that must not be stored."},
		"provisioner": {labels: []string{"type"}, hint: "meshplan runs no commands during apply, because their effects could be neither planned nor undone. " +
			"Use a resource, or run the command before or after meshplan."},
	}
}

// file decodes the blocks of one file.
func (d *decoder) file(body hcl.Body) {
	kinds := blockKinds()
	schema := &hcl.BodySchema{}
	for _, name := range sortedKeys(kinds) {
		schema.Blocks = append(schema.Blocks, hcl.BlockHeaderSchema{Type: name, LabelNames: kinds[name].labels})
	}
	content := d.content(body, schema)
	for _, b := range content.Blocks {
		if len(d.diags) > maxFindings {
			return
		}
		kind := kinds[b.Type]
		if kind.decode == nil {
			d.report(diag.Error(CodeUnsupported, "Unsupported block", fmt.Sprintf("Blocks of type %q are not supported. %s", b.Type, kind.hint), b.DefRange.Ptr()))
			continue
		}
		if d.labelsValid(b) {
			kind.decode(d, b)
		}
	}
}

// labelsValid checks that labels are names. A label that a reference could not be written with is refused.
func (d *decoder) labelsValid(b *hcl.Block) bool {
	for i, l := range b.Labels {
		if !hclsyntax.ValidIdentifier(l) {
			d.report(diag.Error(CodeInvalidName, "Invalid name", fmt.Sprintf("The name %q cannot be used: a name starts with a letter or an underscore, "+
				"followed by letters, digits, underscores and dashes.", l), b.LabelRanges[i].Ptr()))
			return false
		}
	}
	return true
}

// content reads a body of which nothing may be left over.
func (d *decoder) content(body hcl.Body, s *hcl.BodySchema) *hcl.BodyContent {
	c, ds := body.Content(s)
	d.report(reworded(coded(ds, CodeSyntax), s)...)
	return c
}

func (d *decoder) report(ds ...*hcl.Diagnostic) { d.diags = append(d.diags, ds...) }

// duplicate reports a second declaration of one name.
func (d *decoder) duplicate(what, name string, second, first hcl.Range) {
	d.report(diag.Error(CodeDuplicate, "Duplicate "+what, fmt.Sprintf("%s %q is declared already, at %s:%d,%d. Rename or remove one of them.",
		upperFirst(what), name, first.Filename, first.Start.Line, first.Start.Column), second.Ptr()))
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
