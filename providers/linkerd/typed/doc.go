// Package typed makes a resource type of a kind of custom resource: one object per instance, with attributes instead of
// YAML, checked while planning.
//
// The central idea: a kind is data (how a value becomes a spec and back, how it is ordered, what else can be said about
// it), and what all kinds share (versions, ownership, adoption, drift, waiting for the controller's word) is written
// once. What one run plans is kept in a World, so that the checks of one object see the others of the same plan.
package typed
