// Package metrics reads what Linkerd's proxies say about the traffic that they carry, without Prometheus: from each
// proxy's admin port, through the API server's port-forward.
//
// The central idea: counters mean nothing by themselves, their growth between two scrapes of the same pod does. A
// Report is that growth over a window, as typed facts: who called which port, with what identity, and what the policy
// decided. What was not measured is listed beside what was, so that nobody can take silence for a pass.
//
// Caveats. A proxy forgets series that were idle for ten minutes. A pod that was replaced inside the window is listed as
// unmeasured. Traffic counted under the authorization `audit` is an upper bound of what `deny` would refuse: the proxy
// names the first authorization that matches, in no fixed order, so an explicit policy may admit the same client.
package metrics
