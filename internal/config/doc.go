// Package config reads a directory of `*.mesh.hcl` and `*.mesh.hcl.json` files, and the modules that it calls, into a
// Config: what people wrote, checked as far as that is possible without providers, state or a cluster.
//
// The central idea: loading never stops at the first mistake. Every file is parsed and every block decoded, what is
// wrong is diagnosed with a code and a range, and the rest is returned all the same, so that a formatter, an editor
// or a reviewer gets the whole picture from one run. Expressions stay expressions: the engine evaluates them when it
// knows enough.
//
//	cfg, diags := config.Load(dir, config.Options{})
//	assigned, more := cfg.Assignments(config.Inputs{Environ: os.Environ(), Flags: []string{"region=eu"}})
//	values, more := cfg.Root.VariableValues(assigned)
//
// Why files of one directory are one module, in any order: a rollout is often split by concern, and a name should
// not have to move when the file does.
//
// A module is a directory, read once however often it is called; its calls form a tree whose depth and size are bounded,
// because a few small files could otherwise stand for more modules than fit into memory. The engine gives the variables
// of a called module their values, by Variable.Accept and Variable.Validate; those of the root are VariableValues.
package config
