package kube

import "time"

// WaitOptions say when an object counts as ready. The zero value waits for nothing.
type WaitOptions struct {
	// Rollout waits for the kind's own readiness: workloads rolled out, jobs complete, CRDs established, webhooks
	// served.
	Rollout bool
	// ServersFirst makes ApplySet wait for the workloads of the set before it writes a webhook configuration that refuses
	// requests when nobody answers (failurePolicy Fail): until then the API server would refuse them.
	ServersFirst bool
	// Conditions must all hold.
	Conditions []WaitCondition
	// Fields must all have their values.
	Fields []WaitField
	// Timeout for the whole set; 0 means DefaultWaitTimeout.
	Timeout time.Duration
	// Grace is how long pods may fail before the wait fails with their words; 0 means 30 seconds.
	Grace time.Duration
}

// DefaultWaitTimeout is how long a wait lasts that names no timeout.
const DefaultWaitTimeout = 10 * time.Minute

// WaitCondition is an entry of status.conditions. Status is "True" when empty.
type WaitCondition struct{ Type, Status string }

// WaitField is a field and the text of the value that it must have. Path is dotted, with list indexes in brackets
// (`status.loadBalancer.ingress[0].ip`). An empty Value means any value that is not empty.
type WaitField struct{ Path, Value string }

// Waits reports whether there is anything to wait for.
func (o *WaitOptions) Waits() bool {
	return o != nil && (o.Rollout || len(o.Conditions) > 0 || len(o.Fields) > 0)
}
