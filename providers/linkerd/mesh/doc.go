// Package mesh brings workloads into the mesh and proves that they are there.
//
// The central idea: whether a workload is meshed is decided by looking at its pods, never by what was asked for. The
// same judgement (Judge) decides which workloads a plan restarts, when a wave of restarts is done, what drift is, and
// what a gate proves. Because each decision starts from what is there, a run that was killed goes on where it
// stopped: what is already meshed is not restarted again.
//
//	annotate ── probe the injector ── wave 1: restart, judge ── wave 2: restart, judge ── …
//
// Restarts are template annotations, so that the workload's own strategy decides how pods are replaced.
package mesh
