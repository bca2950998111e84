// Package draft writes a rollout for what runs in a namespace already, for people to read, correct and apply.
//
// The central idea: a draft holds what is certain and marks what is not. What the cluster says becomes a block; what it only hints at (a caller that is
// named without a port) becomes a comment beside it; what stands in the way (a strategy that replaces no pod, a probe that
// would be refused) is said where it matters. Nothing is enforced by a draft as it is written: it begins with `audit`.
//
//	Survey: objects of the namespace -> Facts (pure data) -> Write: files of HCL
package draft
