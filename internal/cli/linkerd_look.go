package cli

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers/linkerd/report"
)

func (a *app) meshCheckCommand() *cobra.Command {
	var (
		f          meshFlags
		preflight  bool
		categories []string
	)
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check a control plane, or a cluster before the installation",
		Long: `Runs the checks of "linkerd check" that the Kubernetes API can answer. It exits with 1 when one of them fails; warnings pass. With --pre it
checks what must hold before the installation.`,
		Example: "  meshplan linkerd check\n  meshplan linkerd check --pre\n  meshplan linkerd check --format json",
		Args:    atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := a.look(cmd, &f)
			if err != nil {
				return err
			}
			given := map[string]cty.Value{"preflight": cty.BoolVal(preflight)}
			if len(categories) > 0 {
				var list []cty.Value
				for _, c := range categories {
					list = append(list, cty.StringVal(c))
				}
				given["categories"] = cty.ListVal(list)
			}
			v, ds := l.read(cmd.Context(), "linkerd_check", given)
			if ds.HasErrors() {
				return a.fail(l.console, ds)
			}
			l.diagnostics(ds)
			if err := l.checks(v); err != nil {
				return err
			}
			if v.GetAttr("passed").False() {
				return exitWith(exitFailure)
			}
			return nil
		},
	}
	f.add(cmd, false, false, "text", "json")
	cmd.Flags().BoolVar(&preflight, "pre", false, "check what must hold before the installation")
	cmd.Flags().StringArrayVar(&categories, "category", nil, "run the checks of this `category` only; may be repeated")
	return cmd
}

// checkView is a check in JSON.
type checkView struct {
	Category string `json:"category"`
	Name     string `json:"name"`
	Status   string `json:"status"`
	Message  string `json:"message,omitempty"`
	Hint     string `json:"hint,omitempty"`
}

func (l *look) checks(v cty.Value) error {
	var views []checkView
	for _, c := range listOf(v.GetAttr("checks")) {
		views = append(views, checkView{textOf(c["category"]), textOf(c["name"]), textOf(c["status"]), textOf(c["message"]), textOf(c["hint"])})
	}
	if l.flags.format == "json" {
		return l.app.writeJSON(map[string]any{"passed": v.GetAttr("passed").True(), "failed": numberOf(v.GetAttr("failed")), "warnings": numberOf(v.GetAttr("warnings")), "checks": views})
	}
	category := ""
	for _, c := range views {
		if c.Category != category {
			category = c.Category
			fmt.Fprintln(l.Out, category)
		}
		sign := map[string]string{"success": "ok  ", "warning": "warn", "error": "FAIL"}[c.Status]
		fmt.Fprintf(l.Out, "  %s  %s\n", sign, c.Name)
		if c.Status != "success" {
			fmt.Fprintf(l.Out, "        %s\n", diag.Scrub(c.Message))
			if c.Hint != "" {
				fmt.Fprintf(l.Out, "        %s\n", c.Hint)
			}
		}
	}
	_, err := fmt.Fprintf(l.Out, "%s: %.0f failed, %s.\n", plural(len(views), "check"), numberOf(v.GetAttr("failed")), plural(int(numberOf(v.GetAttr("warnings"))), "warning"))
	return err
}

func (a *app) meshCertsCommand() *cobra.Command {
	var (
		f      meshFlags
		before string
	)
	cmd := &cobra.Command{
		Use:   "certs",
		Short: "List the certificates of the mesh and when they end",
		Long: `Lists the trust anchors, the identity issuer and the certificates of the admission webhooks, with what is wrong with them. It exits with 1 when
one of them is not usable. Proxies' own certificates live for a day and renew themselves; they are not listed.`,
		Example: "  meshplan linkerd certs\n  meshplan linkerd certs --warn-before 30d --format json",
		Args:    atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := a.look(cmd, &f)
			if err != nil {
				return err
			}
			v, ds := l.read(cmd.Context(), "linkerd_certificates", map[string]cty.Value{"warn_before": cty.StringVal(before)})
			if ds.HasErrors() {
				return a.fail(l.console, ds)
			}
			l.diagnostics(ds)
			if err := l.certificates(v); err != nil {
				return err
			}
			if v.GetAttr("ok").False() {
				return exitWith(exitFailure)
			}
			return nil
		},
	}
	f.add(cmd, false, false, "text", "json")
	cmd.Flags().StringVar(&before, "warn-before", "60d", "warn of certificates that end within this `duration`")
	return cmd
}

func certificatesOf(v cty.Value) []report.Certificate {
	var out []report.Certificate
	for _, c := range listOf(v.GetAttr("certificates")) {
		e := report.Certificate{Name: textOf(c["name"]), Kind: textOf(c["kind"]), NotAfter: textOf(c["not_after"]), OK: c["ok"].True(), Message: textOf(c["message"])}
		if d := c["days_left"]; !d.IsNull() {
			n := int64(numberOf(d))
			e.DaysLeft = &n
		}
		out = append(out, e)
	}
	return out
}

func (l *look) certificates(v cty.Value) error {
	all := certificatesOf(v)
	if l.flags.format == "json" {
		return l.app.writeJSON(map[string]any{"ok": v.GetAttr("ok").True(), "warnings": numberOf(v.GetAttr("warnings")), "certificates": all})
	}
	t := tabwriter.NewWriter(l.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "KIND\tNAME\tENDS\tDAYS LEFT\tUSABLE\tFOUND")
	for _, e := range all {
		left := "?"
		if e.DaysLeft != nil {
			left = fmt.Sprint(*e.DaysLeft)
		}
		usable := "yes"
		if !e.OK {
			usable = "NO"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", e.Kind, diag.Scrub(e.Name), e.NotAfter, left, usable, diag.Scrub(e.Message))
	}
	return t.Flush()
}

func (a *app) meshEdgesCommand() *cobra.Command {
	var f meshFlags
	cmd := &cobra.Command{
		Use:   "edges",
		Short: "Show which workload calls which, and whether by mutual TLS",
		Long: `Draws the dependency map from both sides of each call: the callers' outbound and the servers' inbound metrics. Callers whose own proxies were
not read appear by their identity.`,
		Example: "  meshplan linkerd edges\n  meshplan linkerd edges -n shop --window 30s\n  meshplan linkerd edges --format svg > map.svg",
		Args:    atMost(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := a.look(cmd, &f)
			if err != nil {
				return err
			}
			var edges []report.Edge
			var unmeasured []string
			ds := l.each(cmd.Context(), "linkerd_edges", func(ns string, v cty.Value) {
				edges = append(edges, edgesOf(v)...)
				unmeasured = append(unmeasured, prefixed(ns, v.GetAttr("unmeasured"))...)
			})
			if ds.HasErrors() {
				return a.fail(l.console, ds)
			}
			l.diagnostics(ds)
			switch f.format {
			case "json":
				return a.writeJSON(map[string]any{"edges": edges, "unmeasured": unmeasured})
			case "mermaid":
				return report.Mermaid(a.out, edges)
			case "svg":
				return report.SVG(a.out, edges)
			}
			l.missing(unmeasured)
			return report.Table(l.Out, edges)
		},
	}
	f.add(cmd, true, true, "text", "json", "mermaid", "svg")
	return cmd
}

func edgesOf(v cty.Value) []report.Edge {
	var out []report.Edge
	for _, e := range listOf(v.GetAttr("edges")) {
		out = append(out, report.Edge{FromNamespace: textOf(e["from_namespace"]), From: textOf(e["from"]), ToNamespace: textOf(e["to_namespace"]), To: textOf(e["to"]),
			MTLS: e["mtls"].True(), Reason: textOf(e["reason"]), Requests: numberOf(e["requests"])})
	}
	return out
}

func prefixed(namespace string, v cty.Value) []string {
	var out []string
	for _, s := range schema.Texts(v) {
		out = append(out, namespace+": "+s)
	}
	return out
}

// missing warns of what was not measured.
func (l *look) missing(unmeasured []string) {
	if len(unmeasured) > 0 {
		fmt.Fprintf(l.Err, "Not measured: %s\n", diag.Scrub(strings.Join(unmeasured, "; ")))
	}
}
