// Package policy holds the resource types for Linkerd's inbound policy, and an evaluator that says offline who may call
// what.
//
// The central idea: a policy object is easy to write and hard to predict, because what it does depends on pods, on
// other objects and on what is absent. So every plan of a policy object is checked against the Effective policy of
// the ports that it touches: live objects, changed by what the same run plans. What the API server would refuse is an
// error before anything is written; what it would accept and silently not do is an error or a warning with a code of
// its own.
//
// Order matters in both directions. A Server denies from the moment it exists, so what lets its clients in must exist
// before it and must go after it:
//
//	authentications ── authorization policies ── Server        (created left to right, deleted right to left)
//
// The reference in configuration points the other way, from the policy to the Server; its edge is inverted.
package policy
