package config

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/diag"
)

// requiredProviders reads which provider configurations a module expects from its callers. Providers are compiled in, so
// nothing else of Terraform's block has a meaning.
func (d *decoder) requiredProviders(b *hcl.Block) {
	attrs, ds := b.Body.JustAttributes()
	d.report(coded(ds, CodeSyntax)...)
	const example = "as in kubernetes = { configuration_aliases = [kubernetes.a, kubernetes.b] }"
	if len(attrs) == 0 && !ds.HasErrors() {
		d.report(unneeded(b.DefRange))
	}
	for _, a := range inOrder(attrs) {
		pairs, ds := hcl.ExprMap(a.Expr)
		if ds.HasErrors() {
			d.report(unneeded(a.Range))
			continue
		}
		for _, p := range pairs {
			name := keyword(p.Key)
			if name != "configuration_aliases" {
				detail := fmt.Sprintf("Providers are compiled into meshplan, so they have no %s. Only \"configuration_aliases\" can stand here, %s.", name, example)
				if name != "source" && name != "version" {
					detail = fmt.Sprintf("Only \"configuration_aliases\" can stand here, %s.%s", example, diag.Suggest(name, []string{"configuration_aliases"}))
				}
				d.report(diag.Error(CodeUnsupported, "Unsupported argument", detail, p.Key.Range().Ptr()))
				continue
			}
			list, ds := hcl.ExprList(p.Value)
			if ds.HasErrors() {
				d.report(diag.Error(CodeInvalidArgument, "Invalid configuration_aliases", fmt.Sprintf("The value must be a list in brackets, %s.", example), p.Value.Range().Ptr()))
			}
			for _, e := range list {
				d.configurationAlias(a.Name, e, example)
			}
		}
	}
}

func (d *decoder) configurationAlias(provider string, e hcl.Expression, example string) {
	key, name, ok := providerKey(e)
	if !ok || name != provider || key == name {
		d.report(diag.Error(CodeInvalidArgument, "Invalid configuration_aliases", fmt.Sprintf("Each element is the provider's name, a dot and an alias, %s.", example), e.Range().Ptr()))
		return
	}
	if first, ok := d.module.ConfigurationAliases[key]; ok {
		d.duplicate("configuration alias", key, e.Range(), first)
		return
	}
	d.module.ConfigurationAliases[key] = e.Range()
}

func unneeded(at hcl.Range) *hcl.Diagnostic {
	return diag.Error(CodeUnsupported, "Unneeded required_providers", "Providers are compiled into meshplan, so nothing has to be required. Remove this; the block is only for a called module that "+
		"expects aliased configurations: kubernetes = { configuration_aliases = [kubernetes.a] }.", at.Ptr())
}

// keyword returns the key of an entry of an object when it is a constant.
func keyword(e hcl.Expression) string {
	if v, ds := e.Value(nil); !ds.HasErrors() && v.IsWhollyKnown() && !v.IsNull() && v.Type().FriendlyName() == "string" {
		return v.AsString()
	}
	return hcl.ExprAsKeyword(e)
}
