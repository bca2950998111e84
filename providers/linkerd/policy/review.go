package policy

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/mesh"
	"github.com/meshplan/meshplan/providers/linkerd/metrics"
)

// Review compares the effective policy of every port in some namespaces as it is with what it would be, and names the
// callers that were seen and would be refused, the probes that routes would leave without an answer (an error), and the ports
// that a strict policy still leaves open to plaintext. It reads what the proxies remember, of ports whose policy changes only.
func (w *World) Review(ctx context.Context, e env.Env, namespaces []string) (hcl.Diagnostics, error) {
	var ds hcl.Diagnostics
	for _, ns := range namespaces {
		if ns == "" {
			continue
		}
		found, err := w.reviewNamespace(ctx, e, ns)
		if err != nil {
			return ds, err
		}
		ds = append(ds, found...)
	}
	return ds, nil
}

// change is a port whose policy the plan changes.
type change struct {
	workload      *mesh.Workload
	pod           *corev1.Pod
	port          int
	before, after Effective
}

func (c change) key() string { return fmt.Sprintf("%s:%d", c.workload.Name, c.port) }

func (w *World) reviewNamespace(ctx context.Context, e env.Env, ns string) (hcl.Diagnostics, error) {
	s, err := w.around(ctx, e, ns)
	if err != nil || s.observed.Namespace == nil {
		return nil, err
	}
	ds := w.targets(s, ns)
	changes := s.changes(s.live)
	if len(changes) == 0 {
		return ds, nil
	}
	meshed := w.Meshed(ns)
	place := func(c change, d *hcl.Diagnostic) {
		if address := w.Address("Server", ns, c.after.Server); address != "" {
			d = diag.For(d, address)
		}
		ds = append(ds, d)
	}
	var pods []metrics.Pod
	for _, c := range changes {
		for _, p := range s.newlyBroken(c) {
			d := p.diagnostic(c.after.Server, "parents")
			if address := w.routeOf(s, ns, c.after.Server); address != "" {
				ds = append(ds, diag.For(d, address))
				continue
			}
			place(c, p.diagnostic(c.after.Server, "pod_selector"))
		}
		if from := c.after.plaintext(); from != "" {
			place(c, diag.Warningf(CodePlaintext, "Clients without mTLS are still admitted", "%s: the policy of %s is %s, but it still admits plaintext from %s.", c.after.source(), c.key(), c.after.Access, from))
		}
		for _, p := range c.workload.Proxies() {
			if !slices.ContainsFunc(pods, func(o metrics.Pod) bool { return o.UID == p.UID }) {
				pods = append(pods, p)
			}
		}
	}
	if len(pods) == 0 {
		return ds, nil
	}
	flows := metrics.SinceStart(metrics.Scraper{Forward: e.Cluster().Forward}.Scrape(ctx, pods)).Flows()
	for _, c := range changes {
		for _, b := range c.blocked(flows, e) {
			if b.Why == noMTLS && len(meshed) > 0 {
				b.Why += fmt.Sprintf("; this plan meshes %s: if they are the callers, nothing is refused", strings.Join(meshed, ", "))
			}
			place(c, diag.Warningf(CodeBlocks, "Callers would be refused",
				"this blocks %s. Let them in with a linkerd_authorization_policy, begin with access_policy = \"audit\", or use linkerd_inbound_policy, which stops before that step.", b))
		}
	}
	return ds, nil
}

// changes are the ports whose policy is another one than with the live objects, in order.
func (s *surroundings) changes(live Objects) []change {
	var out []change
	for _, w := range s.observed.Workloads {
		if len(w.Current) == 0 || len(w.Proxies()) == 0 {
			continue // without a proxy no policy is enforced
		}
		pod := w.Current[0]
		var numbers []int
		for _, p := range containerPorts(pod) {
			numbers = append(numbers, int(p.ContainerPort))
		}
		for _, port := range sortedPorts(numbers) {
			c := change{workload: w, pod: pod, port: port, before: Evaluate(pod, port, live, s.defaults, s.env), after: Evaluate(pod, port, s.objects, s.defaults, s.env)}
			if !reflect.DeepEqual(c.before, c.after) {
				out = append(out, c)
			}
		}
	}
	return out
}

// blocked are the callers that were admitted, and would not be any more.
func (c change) blocked(flows []metrics.Flow, e env.Env) []breach {
	var out []breach
	for _, f := range flows {
		if f.Workload != c.workload.Name || f.Port != fmt.Sprint(c.port) || f.Allowed == 0 {
			continue
		}
		client := Client{}
		if f.Mutual() {
			client.Identity = f.Client
		}
		was, _ := c.before.Decide(client, f.Route.Name)
		now, _ := c.after.Decide(client, f.Route.Name)
		if was == Denied || now != Denied {
			continue
		}
		b := breach{From: caller(f, e), To: c.key(), Requests: f.Allowed, Why: "no policy admits it"}
		if client.Identity == "" {
			b.Why = noMTLS
		}
		if i := slices.IndexFunc(out, func(o breach) bool { return o.From == b.From }); i >= 0 {
			out[i].Requests += b.Requests
			continue
		}
		out = append(out, b)
	}
	return out
}

// plaintext says from where a policy that reads as strict admits clients without mTLS, and by what; "" when it does not.
func (e *Effective) plaintext() string {
	if e.Access != Deny && !strings.HasSuffix(e.Access, "-authenticated") {
		return "" // it says so itself
	}
	var out []string
	for _, r := range e.Rules {
		if !r.Unauthenticated || r.Nobody {
			continue
		}
		from := "everywhere"
		if r.Networks != nil && !everywhere(r.Networks) {
			var cidrs []string
			for _, n := range r.Networks {
				cidrs = append(cidrs, n.CIDR.String())
			}
			from = strings.Join(cidrs, ", ")
		}
		out = append(out, fmt.Sprintf("%s (%s %q)", from, r.Kind, r.Name))
	}
	return strings.Join(out, "; ")
}

// source names what decides.
func (e *Effective) source() string {
	if e.Server == "" {
		return "Default policy"
	}
	return fmt.Sprintf("Server %q", e.Server)
}
