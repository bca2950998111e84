package policy

import (
	"fmt"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/mesh"
	"github.com/meshplan/meshplan/providers/linkerd/metrics"
)

// breach is traffic that a level would refuse, or that was refused.
type breach struct {
	From, To string
	Requests float64
	Why      string
}

// noMTLS is why a client without identity is refused.
const noMTLS = "no mTLS"

// String reads `shop/trip → deployment/payment:8080 (12 requests, no policy admits it)`.
func (b breach) String() string {
	return fmt.Sprintf("%s → %s (%.0f requests, %s)", b.From, b.To, b.Requests, b.Why)
}

// judge sums the traffic of covered ports and finds what the level would refuse. Metrics alone cannot say: what was
// counted under `audit` may be admitted by a policy as well, so each flow is decided anew.
func judge(flows []metrics.Flow, covered []cover, level string, o Objects, d Defaults, observed *mesh.Observation, e env.Env) (allowed, denied float64, breaches []breach) {
	o = o.clone()
	for _, c := range covered {
		raised := c
		raised.Level = level
		o.Servers = slices.DeleteFunc(o.Servers, func(s Server) bool { return s.Name == c.name() })
		o.Servers = append(o.Servers, raised.server())
	}
	for _, f := range flows {
		c, pod := coverOf(f, covered, observed)
		if pod == nil {
			continue
		}
		b := breach{From: caller(f, e), To: c.key(), Requests: f.Allowed}
		policy := Evaluate(pod, c.Port, o, d, e)
		client := Client{}
		if f.Mutual() {
			client.Identity = f.Client
		}
		switch decision, rule := policy.Decide(client, f.Route.Name); {
		case decision == Allowed:
			allowed += f.Allowed
			continue
		case decision == Undecided:
			b.Why = fmt.Sprintf("policy %s admits some addresses only, and the client's is not known", rule.Name)
		case client.Identity == "":
			b.Why = noMTLS
		default:
			b.Why = "no policy admits it"
		}
		denied += f.Allowed
		if f.Allowed > 0 {
			breaches = append(breaches, b)
		}
	}
	return allowed, denied, breaches
}

// refused sums what the policies in force refused on covered ports.
func refused(flows []metrics.Flow, covered []cover, observed *mesh.Observation, e env.Env) (allowed, denied float64, breaches []breach) {
	for _, f := range flows {
		c, pod := coverOf(f, covered, observed)
		if pod == nil {
			continue
		}
		allowed += f.Allowed
		denied += f.Denied
		if f.Denied > 0 {
			breaches = append(breaches, breach{caller(f, e), c.key(), f.Denied, "refused"})
		}
	}
	return allowed, denied, breaches
}

func coverOf(f metrics.Flow, covered []cover, observed *mesh.Observation) (cover, *corev1.Pod) {
	for _, c := range covered {
		if c.Workload == f.Workload && strconv.Itoa(c.Port) == f.Port {
			if w := observed.Find(c.Workload); w != nil && len(w.Current) > 0 {
				return c, w.Current[0]
			}
		}
	}
	return cover{}, nil
}

// caller names a client for people.
func caller(f metrics.Flow, e env.Env) string {
	if f.Client == "" || !f.Mutual() {
		return "a client without mTLS"
	}
	if ns, account, ok := e.Account(f.Client); ok {
		return ns + "/" + account
	}
	return diag.Scrub(f.Client)
}
