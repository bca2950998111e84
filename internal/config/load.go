package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/lang"
)

// Load reads the configuration in dir. The Config is never nil: with errors it holds everything that could be
// understood. Every diagnostic has a code, and one about a file's content has a range that lies within that file,
// which Config.Files holds. The diagnostics are sorted. It costs O(size of the files).
func Load(dir string, o Options) (*Config, hcl.Diagnostics) {
	d := &decoder{options: o, module: newModule(), meta: metaSchema()}
	d.module.functions = o.Functions
	if d.module.functions == nil {
		d.module.functions = lang.Functions(lang.FunctionOptions{BaseDir: dir})
	}
	sources, ds := readSources(dir)
	d.diags = ds
	cfg := &Config{Dir: dir, Files: make(map[string]*hcl.File, len(sources)), Hash: hashSources(sources), Root: d.module}
	for _, s := range sources {
		switch {
		case s.file != nil:
			cfg.Files[s.path] = s.file
			d.file(s.file.Body)
		case s.text != nil:
			cfg.Files[s.path] = &hcl.File{Bytes: s.text, Body: hcl.EmptyBody()}
		}
	}
	d.crossCheck()
	cfg.Settings = d.settings
	return cfg, diag.Sort(clamped(d.diags, cfg.Files))
}

// decoder turns the blocks of all files into one module.
type decoder struct {
	options  Options
	module   *Module
	settings Settings
	// onFailureRange is where on_failure was set, for a second one.
	onFailureRange hcl.Range
	diags          hcl.Diagnostics
	meta           *hcl.BodySchema // of every resource block
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
	const later = "They are planned for a later release of meshplan. "
	return map[string]blockKind{
		"meshplan": {decode: (*decoder).settingsBlock},
		"provider": {labels: []string{"name"}, decode: (*decoder).providerBlock},
		"variable": {labels: []string{"name"}, decode: (*decoder).variableBlock},
		"locals":   {decode: (*decoder).localsBlock},
		"output":   {labels: []string{"name"}, decode: (*decoder).outputBlock},
		"resource": {labels: []string{"type", "name"}, decode: (*decoder).resourceBlock},
		"data":     {labels: []string{"type", "name"}, decode: (*decoder).resourceBlock},
		"module":   {labels: []string{"name"}, hint: later + "Until then declare the resources in this directory."},
		"check":    {labels: []string{"name"}, hint: later + "Until then use a precondition or postcondition of a resource, or a linkerd_gate."},
		"moved":    {hint: later + "Until then use \"meshplan state mv\"."},
		"import":   {hint: later + "Until then set on_exists = \"adopt\" on the resource."},
		"removed":  {hint: later + "Until then use \"meshplan state rm\", and then delete the resource block."},
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

// crossCheck looks for mistakes that only the whole module shows.
func (d *decoder) crossCheck() {
	for _, r := range d.module.SortedResources() {
		if _, ok := d.module.Providers[r.Provider]; ok || !strings.Contains(r.Provider, ".") {
			continue // without an alias the provider needs no block
		}
		name, alias, _ := strings.Cut(r.Provider, ".")
		detail := fmt.Sprintf("There is no provider configuration %s. Add a block: provider %q { alias = %q }.%s", r.Provider, name, alias,
			diag.Suggest(r.Provider, sortedKeys(d.module.Providers)))
		d.report(diag.Error(CodeUnknownProvider, "Unknown provider configuration", detail, r.ProviderRange.Ptr()))
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
	for _, found := range coded(ds, CodeSyntax) {
		d.report(suggested(found, s))
	}
	return c
}

// suggested adds a "did you mean" where HCL found none, and what to do about an argument outside of every block.
func suggested(d *hcl.Diagnostic, s *hcl.BodySchema) *hcl.Diagnostic {
	_, rest, _ := strings.Cut(d.Detail, `"`)
	name, _, ok := strings.Cut(rest, `"`)
	code := diag.CodeOf(d)
	if !ok || code != CodeUnknownArgument && code != CodeUnknownBlock || strings.Contains(d.Detail, "Did you mean") {
		return d
	}
	if len(s.Attributes) == 0 && code == CodeUnknownArgument {
		d.Detail += " Values that several blocks use stand in a block \"locals\"."
		return d
	}
	var names []string
	for _, a := range s.Attributes {
		names = append(names, a.Name)
	}
	for _, b := range s.Blocks {
		names = append(names, b.Type)
	}
	d.Detail += diag.Suggest(name, names)
	return d
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
