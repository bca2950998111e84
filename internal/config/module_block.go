package config

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/diag"
)

// moduleBlock reads a `module` block. What it calls is loaded later, when all files of this directory are known.
func (d *decoder) moduleBlock(b *hcl.Block) {
	c := &ModuleCall{Name: b.Labels[0], DeclRange: b.DefRange, Range: wholeRange(b), Arguments: map[string]*hcl.Attribute{}}
	if first, ok := d.module.Calls[c.Name]; ok {
		d.duplicate("module call", c.Name, b.DefRange, first.DeclRange)
		return
	}
	schema := &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{
			{Name: "count"}, {Name: "depends_on"}, {Name: "enabled"}, {Name: "for_each"}, {Name: "providers"}, {Name: "source", Required: true}, {Name: "version"},
		},
		Blocks: []hcl.BlockHeaderSchema{{Type: "lifecycle"}, {Type: "locals"}, {Type: "providers"}},
	}
	content, rest, ds := b.Body.PartialContent(schema)
	d.report(reworded(coded(ds, CodeSyntax), schema)...)
	for _, inner := range content.Blocks {
		detail := fmt.Sprintf("A module call has no %q block: write what is meant inside the called module.", inner.Type)
		if inner.Type == "providers" {
			detail = "The argument \"providers\" of a module call is written with an equals sign: providers = { kubernetes = kubernetes.east }."
		}
		d.report(diag.Error(CodeUnknownBlock, "Unsupported block", detail, inner.DefRange.Ptr()))
	}
	attrs, ds := rest.JustAttributes()
	for _, found := range coded(ds, CodeSyntax) {
		if diag.CodeOf(found) == CodeUnknownBlock {
			if len(content.Blocks) > 0 {
				continue // HCL complains about those as well
			}
			found.Detail = "A module call has arguments only. A value that is an object is written with an equals sign, as in labels = { app = \"web\" }."
		}
		d.report(found)
	}
	for _, a := range inOrder(attrs) {
		c.Arguments[a.Name] = a
	}
	if a := content.Attributes["version"]; a != nil {
		d.report(diag.Error(CodeUnsupported, "Unsupported argument", "The version of a module is that of the directory it stands in. Remove this argument.", a.NameRange.Ptr()))
	}
	d.sourceOf(c, content.Attributes["source"])
	c.Count, c.ForEach, c.Enabled = d.repetition(content.Attributes)
	c.DependsOn = d.dependsOn(content.Attributes["depends_on"])
	d.passedProviders(c, content.Attributes["providers"])
	d.module.Calls[c.Name] = c
}

// sourceOf reads the directory of a module. One that cannot be used leaves Source empty.
func (d *decoder) sourceOf(c *ModuleCall, a *hcl.Attribute) {
	c.SourceRange = c.DeclRange
	source := d.constantString(a)
	if a == nil {
		return
	}
	c.SourceRange = a.Expr.Range()
	if strings.HasPrefix(source, "./") || strings.HasPrefix(source, "../") {
		c.Source = source
		return
	}
	if v, _ := a.Expr.Value(nil); source == "" && !v.IsWhollyKnown() {
		return // not a constant, which is reported already
	}
	var hint string
	switch {
	case source == "." || source == "..":
		hint = fmt.Sprintf("Write %q with a slash and the directory that is meant.", source)
	case strings.HasPrefix(source, "/"):
		hint = "An absolute path would be another one on every machine. Write it relative to this directory."
	case strings.ContainsAny(source, ":@"), strings.Contains(source, ".com/"), strings.Contains(source, ".org/"), strings.HasSuffix(source, ".git"):
		hint = "Modules are not fetched from elsewhere: put the module into this repository, for instance as a git submodule, and name its directory."
	case strings.Count(source, "/") == 2 || strings.Count(source, "/") == 3:
		hint = fmt.Sprintf("There is no registry of modules. If %q is a directory, write \"./%s\".", source, source)
	case source != "":
		hint = fmt.Sprintf("If %q is a directory beside this file, write \"./%s\".", source, source)
	}
	d.report(diag.Error(CodeModuleSource, "Unsupported module source", strings.TrimSpace("The source of a module is a directory, and starts with \"./\" or \"../\". "+hint), c.SourceRange.Ptr()))
}

// passedProviders reads `providers = { kubernetes.a = kubernetes.west }`.
func (d *decoder) passedProviders(c *ModuleCall, a *hcl.Attribute) {
	if a == nil {
		return
	}
	const example = "as in providers = { kubernetes = kubernetes.east }. It cannot be computed."
	pairs, ds := hcl.ExprMap(a.Expr)
	if ds.HasErrors() {
		d.report(diag.Error(CodeInvalidArgument, "Invalid providers", "The argument maps the called module's provider configurations to those of this one, "+example, a.Expr.Range().Ptr()))
		return
	}
	c.Providers = make(map[string]PassedProvider, len(pairs))
	for _, p := range pairs {
		key, name, ok := providerKey(p.Key)
		if !ok {
			d.report(diag.Error(CodeInvalidArgument, "Invalid providers", "On the left stands a provider configuration as the called module names it, "+example, p.Key.Range().Ptr()))
			continue
		}
		value, valueName, ok := providerKey(p.Value)
		switch {
		case !ok:
			d.report(diag.Error(CodeInvalidArgument, "Invalid providers", "On the right stands a provider configuration of this module, "+example, p.Value.Range().Ptr()))
		case name != valueName:
			d.report(diag.Error(CodeInvalidArgument, "Invalid providers", fmt.Sprintf("%s is a configuration of the provider %q, so it cannot stand in for one of %q.", value, valueName, name),
				p.Value.Range().Ptr()))
		case c.Providers[key].Key != "":
			d.duplicate("entry", key, p.Key.Range(), c.Providers[key].Range)
		default:
			c.Providers[key] = PassedProvider{Key: value, Range: p.Value.Range()}
		}
	}
}
