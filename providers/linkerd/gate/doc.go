// Package gate holds the resource type that blocks its dependents until a statement about the mesh is proved, and the
// data sources that report the same measurements.
//
// The central idea: a gate is a step like any other, so it is planned, approved, recorded and skipped like any other;
// what it writes is nothing but the sentence that it proved. It looks again until the statement holds or time is up.
// Nothing that was not measured counts as proved: a pod that does not answer and a service that nobody calls leave
// the statement open.
//
//	look ── holds? ── yes: record the sentence
//	 ^        no
//	 └─ wait ─┘ until the timeout: fail and say what is missing
package gate
