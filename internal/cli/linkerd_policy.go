package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers/linkerd/report"
)

func (a *app) meshPolicyCommand() *cobra.Command {
	var f meshFlags
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Show who may call each port of each workload",
		Long: `Computes the effective inbound policy of every declared port as Linkerd's policy controller does: the Server in force, those that it shadows, and
which workloads of the namespace it admits. What a policy says about a workload without proxies is not enforced; the column MESHED shows it.`,
		Example: "  meshplan linkerd policy -n shop\n  meshplan linkerd policy --format json",
		Args:    atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := a.look(cmd, &f)
			if err != nil {
				return err
			}
			var all []report.Namespace
			ds := l.each(cmd.Context(), "linkerd_policy", func(ns string, v cty.Value) {
				all = append(all, report.Namespace{Name: ns, Ports: portsOf(v)})
			})
			if ds.HasErrors() {
				return a.fail(l.console, ds)
			}
			l.diagnostics(ds)
			if f.format == "json" {
				out := map[string][]report.Port{}
				for _, n := range all {
					out[n.Name] = n.Ports
				}
				return a.writeJSON(map[string]any{"namespaces": out})
			}
			return l.policies(all)
		},
	}
	f.add(cmd, true, false, "text", "json")
	return cmd
}

func portsOf(v cty.Value) []report.Port {
	out := []report.Port{}
	for _, p := range listOf(v.GetAttr("ports")) {
		out = append(out, report.Port{Workload: textOf(p["workload"]), Port: int(numberOf(p["port"])), Server: textOf(p["server"]), AccessPolicy: textOf(p["access_policy"]),
			Unauthenticated: p["unauthenticated"].True(), Meshed: p["meshed"].True(), Admits: schema.Texts(p["admits"]), Refuses: schema.Texts(p["refuses"]),
			Shadowed: schema.Texts(p["shadowed"]), Ignored: schema.Texts(p["ignored"])})
	}
	return out
}

func (l *look) policies(all []report.Namespace) error {
	t := tabwriter.NewWriter(l.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAMESPACE\tWORKLOAD\tPORT\tMESHED\tSERVER\tPOLICY\tPLAINTEXT\tADMITS")
	for _, n := range all {
		for _, p := range n.Ports {
			server := p.Server
			if server == "" {
				server = "-"
			}
			admits := strings.Join(p.Admits, ", ")
			switch {
			case len(p.Refuses) == 0:
				admits = "all workloads of the namespace"
			case admits == "":
				admits = "no workload of the namespace"
			}
			fmt.Fprintf(t, "%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\n", n.Name, diag.Scrub(p.Workload), p.Port, word(p.Meshed), diag.Scrub(server), p.AccessPolicy, word(p.Unauthenticated), diag.Scrub(admits))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, n := range all {
		for _, p := range n.Ports {
			for _, s := range p.Shadowed {
				fmt.Fprintf(l.Out, "%s/%s:%d: Server %s has no effect, %s is older\n", n.Name, diag.Scrub(p.Workload), p.Port, diag.Scrub(s), diag.Scrub(p.Server))
			}
			for _, s := range p.Ignored {
				fmt.Fprintf(l.Out, "%s/%s:%d: without effect: %s\n", n.Name, diag.Scrub(p.Workload), p.Port, diag.Scrub(s))
			}
		}
	}
	return nil
}

func word(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

func (a *app) meshMTLSCommand() *cobra.Command {
	var (
		f       meshFlags
		require float64
	)
	cmd := &cobra.Command{
		Use:   "mtls",
		Short: "Prove which share of the traffic is mutual TLS, or write the compliance report",
		Long: `Measures the inbound traffic of the workloads at their proxies and says which share of it was mutual TLS, who came without, and what was refused. With
--format md or html it writes the compliance report: traffic, policy of every port, certificates, and what contradicts compliance.

With --require it exits with 1 when the share is lower in any namespace, or when nothing was seen: no data is no proof. Namespaces of extensions
(viz) in which nothing was seen are listed and not counted, unless --namespace names them.`,
		Example: "  meshplan linkerd mtls -n shop\n  meshplan linkerd mtls --window 1m --require 1\n  meshplan linkerd mtls --format html > compliance.html",
		Args:    atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if require < 0 || require > 1 {
				return usageError(cmd, fmt.Errorf("--require must be between 0 and 1, not %v", require))
			}
			l, err := a.look(cmd, &f)
			if err != nil {
				return err
			}
			c := report.Compliance{Time: a.now().UTC()}
			ds := l.each(cmd.Context(), "linkerd_mtls", func(ns string, v cty.Value) { c.Namespaces = append(c.Namespaces, trafficOf(ns, v)) })
			if ds.HasErrors() {
				return a.fail(l.console, ds)
			}
			l.diagnostics(ds)
			if err := l.compliance(cmd, &c); err != nil {
				return err
			}
			if require > 0 {
				return l.require(cmd.Context(), c.Namespaces, require)
			}
			return nil
		},
	}
	f.add(cmd, true, true, "text", "json", "md", "html")
	cmd.Flags().Float64Var(&require, "require", 0, "`share` of mutual TLS, from 0 to 1, below which the command fails")
	return cmd
}

// require fails when the share of mutual TLS is too low somewhere, and says where.
func (l *look) require(ctx context.Context, all []report.Namespace, share float64) error {
	extensions, ds := l.extensions(ctx)
	if ds.HasErrors() {
		return l.app.fail(l.console, ds)
	}
	counted, failed := 0, false
	for _, n := range all {
		switch {
		case n.Ratio == nil && slices.Contains(extensions, n.Name):
			fmt.Fprintf(l.Err, "%s belongs to an extension and nothing was seen there: it is not counted. Name it with --namespace to require something of it.\n", n.Name)
			continue
		case n.Ratio == nil:
			fmt.Fprintf(l.Err, "%s: nothing was seen, and no data is no proof: %s of mutual TLS is required.\n", n.Name, report.Percent(&share))
			failed = true
		case *n.Ratio < share:
			fmt.Fprintf(l.Err, "%s: %s of the traffic is mutual TLS, %s is required.\n", n.Name, report.Percent(n.Ratio), report.Percent(&share))
			failed = true
		}
		counted++
	}
	if counted == 0 {
		fmt.Fprintln(l.Err, "Nothing was seen anywhere, and no data is no proof.")
		failed = true
	}
	if failed {
		return exitWith(exitFailure)
	}
	return nil
}

func trafficOf(ns string, v cty.Value) report.Namespace {
	n := report.Namespace{Name: ns, Requests: numberOf(v.GetAttr("requests")), Denied: numberOf(v.GetAttr("denied")), Unmeasured: schema.Texts(v.GetAttr("unmeasured")), Flows: []report.Flow{}, Ports: []report.Port{}}
	if r := v.GetAttr("ratio"); !r.IsNull() {
		f := numberOf(r)
		n.Ratio = &f
	}
	for _, e := range listOf(v.GetAttr("flows")) {
		n.Flows = append(n.Flows, report.Flow{Workload: textOf(e["workload"]), Port: textOf(e["port"]), Client: textOf(e["client"]), TLS: textOf(e["tls"]), Reason: textOf(e["reason"]),
			Policy: textOf(e["policy"]), Allowed: numberOf(e["allowed"]), Denied: numberOf(e["denied"])})
	}
	return n
}

// compliance writes the answer in the format that was asked for.
func (l *look) compliance(cmd *cobra.Command, c *report.Compliance) error {
	if l.flags.format == "text" {
		return l.traffic(c.Namespaces)
	}
	i := 0
	ds := l.each(cmd.Context(), "linkerd_policy", func(_ string, v cty.Value) { c.Namespaces[i].Ports = portsOf(v); i++ })
	var edges []report.Edge
	if !ds.HasErrors() && l.flags.format == "html" {
		ds = append(ds, l.each(cmd.Context(), "linkerd_edges", func(_ string, v cty.Value) { edges = append(edges, edgesOf(v)...) })...)
	}
	if !ds.HasErrors() {
		v, more := l.read(cmd.Context(), "linkerd_certificates", nil)
		if ds = append(ds, more...); !more.HasErrors() {
			c.Certificates = certificatesOf(v)
		}
	}
	if ds.HasErrors() {
		return l.app.fail(l.console, ds)
	}
	switch l.flags.format {
	case "md":
		return report.Markdown(l.app.out, *c)
	case "html":
		return report.HTML(l.app.out, *c, edges)
	}
	return l.app.writeJSON(struct {
		report.Compliance
		Findings []report.Finding `json:"findings"`
	}{*c, c.Findings()})
}

func (l *look) traffic(all []report.Namespace) error {
	t := tabwriter.NewWriter(l.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAMESPACE\tREQUESTS\tMTLS\tREFUSED")
	for _, n := range all {
		fmt.Fprintf(t, "%s\t%.0f\t%s\t%.0f\n", n.Name, n.Requests, report.Percent(n.Ratio), n.Denied)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, n := range all {
		for _, f := range n.Flows {
			if f.Mutual() && f.Denied == 0 {
				continue
			}
			client := f.Client
			if client == "" {
				client = "a client without identity"
			}
			fmt.Fprintf(l.Out, "%s/%s:%s: %s: %.0f allowed, %.0f refused %s\n", n.Name, diag.Scrub(f.Workload), f.Port, diag.Scrub(client), f.Allowed, f.Denied, diag.Scrub(f.Reason))
		}
		l.missing(n.Unmeasured)
	}
	return nil
}
