// Package engine decides what a rollout does and carries it out: Plan, Apply, Rollback, Validate, Graph. It is pure
// logic over three interfaces (a store of state, providers, a loaded configuration) and does no I/O of its own. This
// page is the architecture of meshplan.
//
// # The way of a rollout
//
//	*.mesh.hcl ── config.Load ──► Config ─┐
//	state.Store ─ Snapshot ──► Records ───┼─► Plan ──► plans.Plan ──► approve ──► Apply ──► journal + records
//	providers ─── Read ──► live objects ──┘      ▲                                             │
//	                                             └───────────── Rollback ◄─────────────────────┘
//
// Planning goes through these stages, each linear in instances and references:
//
//  1. world: modules are expanded, so that each of their instances has blocks and addresses of its own. Blocks are resolved against
//     the compiled-in providers; references are checked; cycles are named with all members.
//  2. prepare: providers are configured, count and for_each are expanded, configuration that depends on no resource is evaluated,
//     and providers say as data (providers.Order) what must come before what. Records follow moved blocks.
//  3. refresh: all records of a type are read in one call, and so is what import blocks name. Writes whose outcome is unknown are
//     resolved by looking at the live object.
//  4. walk: values, instances, data sources, checks and outputs are evaluated in the order of their references; each instance's
//     provider says what it would do. References see planned values; what cannot be known is unknown. A provider whose configuration
//     depends on resources is configured here, or in the course of the apply.
//  5. order: changes become steps (steps.go). The plan then holds the complete graph, and its acyclicity is proved.
//
// Applying interprets the steps and derives no order of its own. A step starts the moment its dependencies have
// finished, longest chain first, within a bound on parallel writes (writeslot.go); waiting releases the slot. Every write happens
// between a durable intent and a durable outcome.
//
// # Contracts
//
// These hold for every configuration, provider and fault, and property tests keep them:
//
//   - plan(apply(p)) is empty.
//   - A value that a plan shows is the value applied, unknown ones excepted; a provider that breaks this is named in an error.
//   - Deletions follow the dependencies that were recorded when the objects were made. Removing a block keeps its safe order.
//   - Whoever refers to an object is updated before the object is deleted.
//   - A failure stops its dependents only; they are reported as skipped, with the root cause.
//   - A plan is refused only when something that it observed has moved: its own records, its lineage, its cluster, its configuration.
//   - The same plan applied again continues after a failure, and after success says that it has been applied.
//   - A kill at any instruction loses no record and leaves no orphan: an intent without outcome makes the next run look first.
//     It looks when a write of the killed run can no longer be on its way (settling.go).
//   - No secret is stored: values are sealed (package sealed) before they leave the engine for state or plan file.
//
// # Order
//
// Evaluation follows references. Applying follows references too, except where a provider knows better. A schema may
// invert a reference: an authorization policy refers to the Server that it opens, yet must exist before that Server
// starts to deny. And types may provide and follow tags (a namespace, a kind, a control plane) without any reference. Tags hold
// within one system (providers.Scoper), and they are asked for before anything is planned: what an attribute refers to is then known
// as far as blocks say it (sketch.go).
// All of it ends up in the recorded dependencies of each instance, so the way down is the way up reversed, years
// later and without the configuration.
//
// # Why a rollback is a plan
//
// Undoing is at its most needed when things have gone wrong, which is no time for code that runs once a year. So a
// rollback restores former records through the same Plan and Apply of providers; only the desired values come from
// the journal instead of from the configuration, and updates are undone in the reversed order of the graph. It is
// previewed, journaled, and can itself be undone.
//
// # Why there is no "tainted"
//
// An object whose creation or readiness failed is recorded as incomplete. The next plan reads it like any other and
// goes on from what it finds, instead of destroying what may be serving traffic.
package engine
