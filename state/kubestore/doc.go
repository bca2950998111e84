// Package kubestore keeps a state in a Kubernetes cluster, for CI runners, cron jobs and teams: several machines, one
// state, kept by the cluster's own etcd. It implements state.Store with Secrets and a Lease.
//
// The central idea: everything that is large is written once and never changed, and one small object, the head, says
// what counts. Replacing the head with its resourceVersion is the only way to commit, so a commit happens as a whole or
// not at all, whatever it consists of, and nobody who has lost the lock can commit behind the back of the next holder.
//
//	Lease  meshplan-NAME         who may write
//	Secret meshplan-NAME         the head: serial, list of parts, and the last changes themselves (the tail)
//	Secret meshplan-NAME-xxxxx   parts: log parts (changes in their order), tables (sorted entries, ranges apart)
//
// # What a commit writes
//
//	small:   replace the head                                             the tail grows by the change
//	spill:   create a log part with the tail ─► replace the head          once in 64 KiB of changes
//	fold:    create tables ─► replace the head ─► delete what they replace  once the log outweighs half of the tables
//
// A reader gets the head, the log parts and those tables that it needs. A part that has gone meanwhile means that the
// head is out of date: the reader begins again. Creating comes first, the head second, deleting last; a kill anywhere
// leaves parts that no head names, and the next one to take the lock over deletes them. Parts are at most 900 KiB,
// compressed (one that holds a single larger value is spread over several Secrets), and carry a checksum that the head knows. A commit costs O(what it changes): parts are rewritten only
// where their range has changed, and only when so much has changed elsewhere that it pays.
//
// # The lock
//
// The Lease names its holder and is renewed six times within its duration (60 s unless configured). Somebody else takes
// it over when he has watched it unchanged for that long by his own monotonic clock: clocks that differ or jump do no
// harm. The holder stops before that can be: two thirds of the duration after the last renewal that succeeded the
// session is lost, its writes are refused, and whoever runs steps is told (state.Fragile). The new holder replaces the
// head before anything else, so that a write of the former one that is still on its way fails.
//
//	0 s              40 s                 60 s
//	│ renewed ······ │ no write any more  │ free for others
//
// When an answer is lost, the head itself tells whether the commit happened: it carries a random mark of it.
//
// # Rights
//
// In the namespace of the state, and nowhere else:
//
//   - apiGroups: [""]                     resources: [secrets]  verbs: [get, list, create, update, delete]
//   - apiGroups: [coordination.k8s.io]    resources: [leases]   verbs: [get, create, update]
//
// Reading (plan, show, drift) needs only get on secrets and leases. Nothing creates the namespace. Objects carry the
// label app.kubernetes.io/managed-by=meshplan and meshplan.dev/backend=NAME. Values are sensitive only as far as the
// state is (fingerprints instead of secrets); options can seal them as well.
package kubestore
