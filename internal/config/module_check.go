package config

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
)

// moduleCheck looks for mistakes that only a whole module and what it calls show.
type moduleCheck struct {
	*loader
	*loadedModule
	root bool
}

func (c *moduleCheck) run() {
	if !c.incomplete {
		c.providers()
	}
	for _, call := range c.module.SortedCalls() {
		if len(c.diags) > maxFindings {
			return
		}
		if call.Module != nil {
			c.call(call, c.loaded[call.Module.Dir])
		}
	}
	c.refactorings()
	if !c.root {
		return
	}
	for _, o := range c.module.SortedOutputs() {
		if o.Ephemeral {
			c.report(diag.Error(CodeUnsupported, "Ephemeral output", fmt.Sprintf("The output %q is one of the root module, whose outputs are stored and shown, which an ephemeral value must "+
				"never be. Only a called module can have ephemeral outputs.", o.Name), o.DeclRange.Ptr()))
		}
	}
}

// providers checks that every chosen provider configuration exists.
func (c *moduleCheck) providers() {
	for _, r := range c.module.SortedResources() {
		c.provider(r.Provider, r.ProviderRange)
	}
	for _, check := range c.module.SortedChecks() {
		if check.Data != nil {
			c.provider(check.Data.Provider, check.Data.ProviderRange)
		}
	}
	for _, i := range c.module.Imports {
		if i.Provider != "" {
			c.provider(i.Provider, i.DeclRange)
		}
	}
}

// provider reports a key that the module does not have. Without an alias a provider needs no block.
func (c *moduleCheck) provider(key string, at hcl.Range) {
	name, alias, aliased := strings.Cut(key, ".")
	_, own := c.module.Providers[key]
	_, passed := c.module.ConfigurationAliases[key]
	if len(c.diags) > maxFindings {
		return
	}
	if own || !aliased || passed && !c.root {
		return
	}
	if passed {
		c.report(diag.Error(CodeUnknownProvider, "Unknown provider configuration", fmt.Sprintf("The provider configuration %s must be passed by a module that calls this one, but here this "+
			"directory is the root module. Run meshplan in the directory that calls it, or add a block: provider %q { alias = %q }.", key, name, alias), at.Ptr()))
		return
	}
	detail := fmt.Sprintf("There is no provider configuration %s. Add a block: provider %q { alias = %q }.", key, name, alias)
	if !c.root {
		detail = fmt.Sprintf("This module has no provider configuration %s. To let its callers pass one, declare it: "+
			"meshplan { required_providers { %s = { configuration_aliases = [%s] } } }.", key, name, key)
	}
	c.report(diag.Error(CodeUnknownProvider, "Unknown provider configuration", detail+diag.Suggest(key, c.providerKeys()), at.Ptr()))
}

// providerKeys lists the aliased configurations that the module can use.
func (c *moduleCheck) providerKeys() []string {
	return append(sortedKeys(c.module.Providers), sortedKeys(c.module.ConfigurationAliases)...)
}

// call compares a call with the module that it names.
func (c *moduleCheck) call(call *ModuleCall, child *loadedModule) {
	if child.ownProvider != nil {
		c.ownProviders(call, child)
	}
	for _, key := range sortedKeys(call.Providers) {
		if len(c.diags) > maxFindings {
			return
		}
		c.passed(call, child, key)
	}
	if child.incomplete {
		return // what seems to be missing may be there
	}
	c.arguments(call, child)
	var missing []string
	for _, key := range sortedKeys(child.module.ConfigurationAliases) {
		if _, ok := call.Providers[key]; !ok {
			missing = append(missing, key)
		}
	}
	if len(missing) > 0 {
		name, _, _ := strings.Cut(missing[0], ".")
		c.report(diag.Error(CodeProviderPassing, "Missing provider configuration", fmt.Sprintf("The module in %q expects that its callers pass %s. Add to this call for instance: "+
			"providers = { %s = %s }.", call.Source, strings.Join(missing, ", "), missing[0], name), call.DeclRange.Ptr()))
	}
}

// ownProviders refuses what would leave instances behind without the provider that can delete them.
func (c *moduleCheck) ownProviders(call *ModuleCall, child *loadedModule) {
	var what string
	var at hcl.Range
	switch {
	case call.Count != nil:
		what, at = "count", call.Count.Range()
	case call.ForEach != nil:
		what, at = "for_each", call.ForEach.Range()
	case call.Enabled != nil:
		what, at = "enabled", call.Enabled.Range()
	case len(call.DependsOn) > 0:
		what, at = "depends_on", call.DependsOn[0].Range
	default:
		return
	}
	c.report(diag.Error(CodeProviderPassing, "Module with its own provider block", fmt.Sprintf("A module that has provider blocks, as this one does at %s, cannot be called with %q: when an "+
		"instance is removed, its provider would be gone with it. Move the provider block to the root module and pass it with \"providers\".", position(*child.ownProvider), what), at.Ptr()))
}

// passed checks one entry of `providers`.
func (c *moduleCheck) passed(call *ModuleCall, child *loadedModule, key string) {
	entry := call.Providers[key]
	if !c.incomplete {
		c.provider(entry.Key, entry.Range)
	}
	if own, ok := child.module.Providers[key]; ok {
		c.report(diag.Error(CodeProviderPassing, "Provider configuration is there already", fmt.Sprintf("The module in %q has a block for %s of its own, at %s. Remove that block or this entry.",
			call.Source, key, position(own.DeclRange)), entry.Range.Ptr()))
		return
	}
	if _, ok := child.module.ConfigurationAliases[key]; !ok && strings.Contains(key, ".") && !child.incomplete {
		name, _, _ := strings.Cut(key, ".")
		c.report(diag.Error(CodeProviderPassing, "Unexpected provider configuration", fmt.Sprintf("The module in %q does not declare %s. Remove this entry, or declare it there: "+
			"meshplan { required_providers { %s = { configuration_aliases = [%s] } } }.%s", call.Source, key, name, key, diag.Suggest(key, sortedKeys(child.module.ConfigurationAliases))),
			entry.Range.Ptr()))
	}
}

// arguments compares the arguments of a call with the variables of the module.
func (c *moduleCheck) arguments(call *ModuleCall, child *loadedModule) {
	meant := map[string]bool{} // misspelled, and reported as such
	for _, a := range inOrder(call.Arguments) {
		if len(c.diags) > maxFindings {
			return
		}
		v := child.module.Variables[a.Name]
		switch {
		case v == nil:
			detail := fmt.Sprintf("The module in %q has no variable %q.%s", call.Source, a.Name, diag.Suggest(a.Name, child.variables))
			if _, hint, ok := strings.Cut(detail, "Did you mean"); ok {
				meant[quoted(hint)] = true
			} else {
				detail += listed(" There are: ", child.variables, " It has no variables at all.")
			}
			c.report(diag.Error(CodeUnknownArgument, "Unknown argument of module", detail, a.NameRange.Ptr()))
		case v.Deprecated != "":
			c.report(v.deprecated(a.NameRange.Ptr()))
		}
	}
	var missing, lines []string
	for _, name := range child.required {
		if call.Arguments[name] == nil && !meant[name] && len(missing) < 20 {
			missing, lines = append(missing, fmt.Sprintf("%q", name)), append(lines, name+" = …")
		}
	}
	if len(missing) > 0 {
		c.report(diag.Error(CodeMissingArgument, "Missing argument of module", fmt.Sprintf("The module in %q requires a value for %s. Add to this block: %s.", call.Source,
			strings.Join(missing, ", "), strings.Join(lines, ", ")), call.DeclRange.Ptr()))
	}
}

// listed joins names behind a prefix; none stands in for no names.
func listed(prefix string, names []string, none string) string {
	if len(names) == 0 {
		return none
	}
	const most = 20
	if len(names) > most {
		return prefix + strings.Join(names[:most], ", ") + ", …."
	}
	return prefix + strings.Join(names, ", ") + "."
}

// refactorings checks that what has moved or was removed is not declared any more.
func (c *moduleCheck) refactorings() {
	for _, m := range c.module.Moved {
		if at, ok := c.declared(m.From); ok && keyless(m.From) && m.From.String() != withoutKeys(m.To).String() {
			c.report(diag.Error(CodeStillDeclared, "Moved object is still declared", fmt.Sprintf("This block says that %s is called %s now, but %s is still declared, at %s. Rename that block, or "+
				"remove this one.", m.From, m.To, m.From, position(at)), m.DeclRange.Ptr()))
		}
	}
	for _, r := range c.module.Removed {
		if at, ok := c.declared(r.From); ok {
			c.report(diag.Error(CodeStillDeclared, "Removed object is still declared", fmt.Sprintf("This block says that %s is not part of the configuration any more, but it is still declared, at %s. "+
				"Remove that block, or this one.", r.From, position(at)), r.DeclRange.Ptr()))
		}
	}
}

// declared finds the block of a target, without regard to instance keys.
func (c *moduleCheck) declared(t addr.Target) (hcl.Range, bool) {
	m := c.module
	for i, step := range t.Path {
		call := m.Calls[step.Name]
		if call == nil {
			return hcl.Range{}, false
		}
		if t.IsModule() && i == len(t.Path)-1 {
			return call.DeclRange, true
		}
		if m = call.Module; m == nil {
			return hcl.Range{}, false
		}
	}
	if r := m.Resources[addr.Resource{Mode: t.Mode, Type: t.Type, Name: t.Name}]; r != nil {
		return r.DeclRange, true
	}
	return hcl.Range{}, false
}

// keyless reports whether a target names blocks, and not instances.
func keyless(t addr.Target) bool { return t.String() == withoutKeys(t).String() }

// withoutKeys returns the target of the block to which an instance belongs.
func withoutKeys(t addr.Target) addr.Target {
	t.Key = addr.NoKey
	t.Path = append([]addr.Step(nil), t.Path...)
	for i := range t.Path {
		t.Path[i].Key = addr.NoKey
	}
	return t
}

func position(r hcl.Range) string {
	return fmt.Sprintf("%s:%d,%d", r.Filename, r.Start.Line, r.Start.Column)
}
