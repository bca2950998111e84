package config

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// providerKey reads a reference to a provider configuration, `kubernetes` or `kubernetes.east`, as the key under which
// Module.Providers holds it. In quotes it may stand as well.
func providerKey(e hcl.Expression) (key, name string, ok bool) {
	if k, isKey := e.(*hclsyntax.ObjectConsKeyExpr); isKey {
		if _, quoted := k.Wrapped.(*hclsyntax.TemplateExpr); quoted {
			e = k.Wrapped
		}
	}
	t, ds := hcl.AbsTraversalForExpr(unquote(e))
	if ds.HasErrors() || len(t) > 2 {
		return "", "", false
	}
	name = t.RootName()
	if len(t) == 1 {
		return name, name, true
	}
	alias, ok := t[1].(hcl.TraverseAttr)
	if !ok {
		return "", "", false
	}
	return name + "." + alias.Name, name, true
}
