package policy

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/mesh"
)

// The classes of drift of policy.
const (
	// CodeDriftForeign: a policy object stands beside the recorded ones that no state has made, and counts as much.
	CodeDriftForeign diag.Code = "linkerd.drift.foreign-policy"
	// CodeDriftUncovered: a workload in an enforced namespace has a port that no Server covers and that admits clients
	// without mTLS.
	CodeDriftUncovered diag.Code = "linkerd.drift.uncovered-port"
	// CodeDriftShadowed: two Servers select one port of a pod; the younger one is ignored.
	CodeDriftShadowed diag.Code = "linkerd.drift.shadowed-server"
	// CodeDriftIgnored: a policy refers to an authentication that is gone, and grants nothing.
	CodeDriftIgnored diag.Code = "linkerd.drift.policy-ignored"
)

// Inspect looks at the namespaces for which policy is recorded: for objects that others made, for ports that nothing
// covers, for policies that have lost their effect. It costs a LIST per kind and namespace.
func Inspect(ctx context.Context, e env.Env, req providers.InspectRequest) (providers.Inspection, hcl.Diagnostics) {
	c := e.Cluster()
	i := &inspector{env: e, lineage: req.Lineage, namespaces: map[string]*enforced{}}
	i.record(req.Recorded)
	if len(i.namespaces) == 0 {
		return i.out, nil
	}
	defaults, err := LoadDefaults(ctx, c, e)
	if err != nil {
		return i.out, c.Diagnose(err, "get", namespaceRef(e.Namespace()))
	}
	var ds hcl.Diagnostics
	for _, ns := range slices.Sorted(maps.Keys(i.namespaces)) {
		if err := i.look(ctx, c, ns, defaults); apierrors.IsForbidden(err) {
			ds = append(ds, diag.Warningf(mesh.CodeNotSeen, "Part of the mesh cannot be seen",
				"The credentials may not read all of policy and workloads in namespace %s, so drift there is not found. Give them get and list there.", ns))
		} else if err != nil {
			return i.out, append(ds, c.Diagnose(err, "list", namespaceRef(ns))...)
		}
	}
	i.out.Gauges = append(i.out.Gauges,
		providers.Gauge{Name: "linkerd_policies_foreign", Help: "Policy objects in managed namespaces that no state has made.", Value: float64(i.foreign)},
		providers.Gauge{Name: "linkerd_ports_uncovered", Help: "Ports in enforced namespaces that no Server covers and that admit plaintext.", Value: float64(i.uncovered)})
	return i.out, ds
}

// enforced is a namespace for which policy is recorded.
type enforced struct {
	// inbound is the linkerd_inbound_policy of the namespace; zero when there is none.
	inbound addr.Instance
	// strict says that something recorded closes ports.
	strict bool
	// workloads are those that the inbound policy is for; nil means all.
	workloads []string
}

type inspector struct {
	env                env.Env
	lineage            string
	namespaces         map[string]*enforced
	out                providers.Inspection
	foreign, uncovered int
}

// record notes in which namespaces the state holds policy.
func (i *inspector) record(all []providers.Recorded) {
	for _, r := range all {
		if r.Value.IsNull() || r.Value.IsMarked() {
			continue
		}
		switch r.Address.Type {
		case "linkerd_inbound_policy", "linkerd_server", "linkerd_authorization_policy", "linkerd_mesh_tls_authentication",
			"linkerd_network_authentication", "linkerd_server_authorization":
		default:
			continue
		}
		ns := schema.Text(r.Value.GetAttr("namespace"))
		if i.namespaces[ns] == nil {
			i.namespaces[ns] = &enforced{}
		}
		n := i.namespaces[ns]
		switch r.Address.Type {
		case "linkerd_inbound_policy":
			n.inbound, n.workloads = r.Address, schema.Texts(r.Value.GetAttr("workloads"))
			n.strict = n.strict || schema.Text(r.Value.GetAttr("mode")) != Audit
		case "linkerd_server":
			access := schema.Text(r.Value.GetAttr("access_policy"))
			n.strict = n.strict || access == Deny || strings.HasSuffix(access, "-authenticated")
		}
	}
}

func (i *inspector) look(ctx context.Context, c *kube.Cluster, ns string, d Defaults) error {
	objects, err := LoadObjects(ctx, c, i.env, ns, d)
	if err != nil {
		return err
	}
	observed, err := mesh.Observe(ctx, c, ns)
	if err != nil || observed.Namespace == nil {
		return err
	}
	if err := i.strangers(ctx, c, ns, objects); err != nil {
		return err
	}
	n := i.namespaces[ns]
	shadowed, ignored := map[string]string{}, map[string]string{}
	for _, w := range observed.Workloads {
		if len(w.Current) == 0 {
			continue
		}
		pod := w.Current[0]
		bypass := splitPorts(pod.Annotations["config.linkerd.io/skip-inbound-ports"])
		for _, p := range containerPorts(pod) {
			port := int(p.ContainerPort)
			e := Evaluate(pod, port, objects, d, i.env)
			for _, s := range e.Shadowed {
				shadowed[s] = fmt.Sprintf("Port %d of %s is decided by the older Server %q; this one is ignored without a word.", port, w.Name, e.Server)
			}
			for _, g := range e.Ignored {
				ignored[g.Name] = g.Reason
			}
			if decision, _ := e.Decide(Client{}, ""); n.strict && e.Server == "" && decision != Denied && !slices.Contains(bypass, port) {
				i.open(w, port, e.Access, n)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(shadowed)) {
		i.add(providers.Finding{Class: CodeDriftShadowed, Severity: providers.SeverityDrift, Object: "Server " + ns + "/" + name, Summary: "Server that is ignored",
			Detail: shadowed[name], Fix: "Remove one of the two Servers, or narrow its selector."})
	}
	for _, name := range slices.Sorted(maps.Keys(ignored)) {
		i.add(providers.Finding{Class: CodeDriftIgnored, Severity: providers.SeverityDrift, Object: "AuthorizationPolicy " + ns + "/" + name, Summary: "Policy that grants nothing",
			Detail: "The policy is ignored as a whole: " + ignored[name] + ".", Fix: "Make the authentication again, or remove the policy."})
	}
	return nil
}

// open reports a port that nothing covers.
func (i *inspector) open(w *mesh.Workload, port int, access string, n *enforced) {
	f := providers.Finding{Class: CodeDriftUncovered, Severity: providers.SeverityDrift, Object: w.Ref.String(), Owner: n.inbound, Summary: "Port that no Server covers",
		Detail: fmt.Sprintf("Port %d has no Server, and the default policy %q admits clients without mTLS, although the namespace is closed otherwise.", port, access),
		Fix:    "Run \"meshplan plan\" and apply it: the inbound policy covers the port."}
	switch {
	case len(w.Proxies()) == 0:
		f.Detail = fmt.Sprintf("Port %d admits everybody: the workload has no proxy, so that no policy protects it, although the namespace is closed otherwise.", port)
		f.Fix = "Bring the workload into the mesh."
		if mesh.OptOut(&w.Template, false) != "" {
			f.Severity = providers.SeverityNote // by design
		}
	case n.inbound.IsZero() || n.workloads != nil && !slices.Contains(n.workloads, w.Name):
		f.Owner, f.Fix = addr.Instance{}, "Write a linkerd_server for the port, or a linkerd_inbound_policy for the namespace."
	}
	if f.Severity != providers.SeverityNote {
		i.uncovered++
	}
	i.add(f)
}

// strangers finds objects that no state has made. Routes count when they are attached to a Server.
func (i *inspector) strangers(ctx context.Context, c *kube.Cluster, ns string, objects Objects) error {
	for _, k := range policyKinds() {
		versions, err := c.ServedVersions(ctx, k.GroupKind)
		if err != nil {
			return err
		}
		if len(versions) == 0 {
			continue
		}
		found, err := c.ListMetadata(ctx, k.WithVersion(versions[0]), kube.ListOptions{Namespace: ns})
		if err != nil {
			return err
		}
		for _, m := range found {
			inbound := func(r Route) bool { return r.Group == k.Group && r.Kind == k.Kind && r.Name == m.Name }
			if strings.HasSuffix(k.Kind, "Route") && !slices.ContainsFunc(objects.Routes, inbound) {
				continue
			}
			if m.Annotations[kube.AnnotationOwner] != "" {
				continue
			}
			i.foreign++
			i.add(providers.Finding{Class: CodeDriftForeign, Severity: providers.SeverityDrift, Object: k.Kind + " " + ns + "/" + m.Name, Summary: "Policy that no state has made",
				Detail: fmt.Sprintf("It was written by %s at %s and counts like the recorded ones.", diag.Scrub(author(m)), m.CreationTimestamp.UTC().Format("2006-01-02 15:04")),
				Fix:    "Write it into the configuration and import it, or delete it."})
		}
	}
	return nil
}

// author is the field manager that wrote an object last, status left out.
func author(m *metav1.PartialObjectMetadata) string {
	name, at := "somebody", metav1.Time{}
	for _, f := range m.ManagedFields {
		if f.Subresource == "" && f.Time != nil && !f.Time.Before(&at) {
			name, at = f.Manager, *f.Time
		}
	}
	return name
}

func (i *inspector) add(f providers.Finding) { i.out.Findings = append(i.out.Findings, f) }
