package config

import (
	"path"
	"path/filepath"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/lang"
)

// Load reads the configuration in dir and in the modules that it calls. The Config is never nil: with errors it holds
// everything that could be understood. Every diagnostic has a code, and one about a file's content has a range that
// lies within that file, which Config.Files holds. The diagnostics are sorted. It costs O(size of the files): a
// directory is read once, however often it is called.
func Load(dir string, o Options) (*Config, hcl.Diagnostics) {
	l := &loader{
		options: o, limits: defaultLimits(), functions: o.Functions,
		cfg: &Config{Dir: dir, Files: map[string]*hcl.File{}}, loaded: map[string]*loadedModule{},
	}
	if l.functions == nil {
		l.functions = lang.Functions(lang.FunctionOptions{BaseDir: dir})
	}
	l.budget = newBudget(l.limits.bytes)
	l.cfg.Root = l.directory(".", nil).module
	l.cfg.Hash = hashSources(l.sources)
	return l.cfg, bounded(diag.Sort(clamped(l.diags, l.cfg.Files)))
}

// loader reads a tree of modules.
type loader struct {
	options   Options
	limits    limits
	functions map[string]function.Function
	cfg       *Config
	loaded    map[string]*loadedModule // by Module.Dir
	chain     []*loadedModule          // those whose calls are being followed, from the root
	budget    *budget
	tooHeavy  bool     // the limit of declarations was reported
	sources   []source // of all modules, each named relative to Config.Dir
	diags     hcl.Diagnostics
}

// loadedModule is a directory that has been read.
type loadedModule struct {
	module *Module
	// real is the directory without symbolic links, which tells whether a module leads back to itself.
	real string
	// incomplete says that some of the text was not understood, so that what seems to be missing may be there.
	incomplete bool
	// weight counts the declarations in it and in what it calls, each call by itself.
	weight int
	// variables are the names of the module's variables, sorted, and required those of them that need a value.
	variables, required []string
	// ownProvider is the first provider block in it or in what it calls, nil when there is none.
	ownProvider *hcl.Range
}

// directory reads the directory rel and everything that it calls; by is nil for the root.
func (l *loader) directory(rel string, by *ModuleCall) *loadedModule {
	dir := filepath.Join(l.cfg.Dir, filepath.FromSlash(rel))
	m := &loadedModule{module: newModule(rel), real: realPath(dir)}
	m.module.functions = l.functions
	l.loaded[rel] = m
	sources, ds := readSources(dir, l.options.Overlay, l.budget)
	if by != nil {
		ds = asCalled(ds, by)
	}
	m.incomplete = slices.ContainsFunc(ds, func(d *hcl.Diagnostic) bool { return diag.CodeOf(d) != CodeDuplicate })
	d := &decoder{options: l.options, module: m.module, meta: metaSchema(), root: by == nil, settings: &Settings{}, addresses: newAddresses()}
	for _, s := range sources {
		s.name = path.Join(rel, s.name)
		l.sources = append(l.sources, s)
		switch {
		case s.file != nil:
			l.cfg.Files[s.path] = s.file
			d.file(s.file.Body)
		case s.text != nil:
			l.cfg.Files[s.path] = &hcl.File{Bytes: s.text, Body: hcl.EmptyBody()}
		}
	}
	d.movedCircles()
	if by == nil {
		l.cfg.Settings = *d.settings
	}
	l.diags = append(append(l.diags, ds...), followUps(ds, d.diags, l.cfg.Files)...)
	l.calls(m)
	for _, v := range m.module.SortedVariables() {
		if m.variables = append(m.variables, v.Name); v.Required() {
			m.required = append(m.required, v.Name)
		}
	}
	check := &moduleCheck{loader: l, loadedModule: m, root: by == nil}
	check.run()
	return m
}

// calls loads what the calls of a module name, and adds up the weight.
func (l *loader) calls(m *loadedModule) {
	own := m.module
	m.weight = 1 + len(own.Variables) + len(own.Locals) + len(own.Outputs) + len(own.Resources) + len(own.Checks)
	for _, p := range own.SortedProviders() {
		m.ownProvider = &p.DeclRange
		break
	}
	l.chain = append(l.chain, m)
	defer func() { l.chain = l.chain[:len(l.chain)-1] }()
	for _, c := range own.SortedCalls() {
		if c.Source == "" {
			continue // diagnosed
		}
		child := l.called(own, c)
		if child == nil {
			continue
		}
		if m.weight += child.weight; m.weight > l.limits.weight {
			if !l.tooHeavy {
				l.report(moduleLimit("With every call counted by itself, the modules hold more than %d declarations.", l.limits.weight, c))
			}
			l.tooHeavy, m.weight = true, 0
			continue
		}
		c.Module = child.module
		if m.ownProvider == nil {
			m.ownProvider = child.ownProvider
		}
	}
}

// called loads the module that a call names; nil means that it was diagnosed.
func (l *loader) called(by *Module, c *ModuleCall) *loadedModule {
	rel := path.Join(by.Dir, c.Source)
	real := realPath(filepath.Join(l.cfg.Dir, filepath.FromSlash(rel)))
	if i := slices.IndexFunc(l.chain, func(m *loadedModule) bool { return m.module.Dir == rel || real != "" && m.real == real }); i >= 0 {
		l.report(moduleCycle(l.chain[i:], c))
		return nil
	}
	if m := l.loaded[rel]; m != nil {
		return m
	}
	switch {
	case len(l.chain) >= l.limits.depth:
		l.report(moduleLimit("Modules call each other more than %d levels deep.", l.limits.depth, c))
		return nil
	case len(l.loaded) >= l.limits.directories:
		l.report(moduleLimit("The configuration has more than %d directories.", l.limits.directories, c))
		return nil
	}
	if d := notADirectory(filepath.Join(l.cfg.Dir, filepath.FromSlash(rel)), c); d != nil {
		l.report(d)
		return nil
	}
	return l.directory(rel, c)
}

func (l *loader) report(ds ...*hcl.Diagnostic) { l.diags = append(l.diags, ds...) }

// realPath follows symbolic links; empty means that the directory does not exist.
func realPath(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	real, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return ""
	}
	return real
}
