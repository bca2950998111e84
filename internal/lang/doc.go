// Package lang is the expression side of the configuration language: what an expression refers to, and the functions
// that it may call.
//
// The central idea: a reference says as precisely as its syntax allows which object it means. HCL reports the
// variables of `kubernetes_manifest.b[each.key].uid` as two unrelated names; this package reports one reference to
// the one instance of `b` that has the key of the instance at hand, so that the engine can draw an edge between two
// instances where others draw it between two whole resources.
//
// Functions are pure but for the files below one directory: they start no process, open no connection, and read neither
// the environment nor the clock. What they can be made to allocate by hostile input is bounded.
//
//	refs, diags := lang.ExprReferences(expr)
//	ctx := &hcl.EvalContext{Functions: lang.Functions(lang.FunctionOptions{BaseDir: dir, Now: planTime})}
package lang
