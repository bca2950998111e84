package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
)

// CodeMesh: a look at the mesh was not possible.
const CodeMesh diag.Code = "linkerd.look"

// meshFlags say which mesh a command looks at, and how it answers.
type meshFlags struct {
	in           inputFlags
	controlPlane string
	trustDomain  string
	namespaces   []string
	window       string
	format       string
	formats      []string
}

// add declares the flags; the first format is the default.
func (f *meshFlags) add(cmd *cobra.Command, namespaced, measured bool, formats ...string) {
	fs := cmd.Flags()
	f.in.addCluster(fs)
	fs.StringVar(&f.controlPlane, "control-plane", "linkerd", "`namespace` of the control plane")
	fs.StringVar(&f.trustDomain, "trust-domain", "", "`domain` that ends every identity (default cluster.local)")
	if namespaced {
		fs.StringArrayVarP(&f.namespaces, "namespace", "n", nil, "look at this `namespace`; may be repeated (default: all that have meshed pods)")
	}
	if measured {
		fs.StringVar(&f.window, "window", "", "watch the traffic for a `duration` (default: everything that the proxies remember)")
	}
	f.formats = formats
	fs.StringVar(&f.format, "format", formats[0], "`format` of the answer: "+strings.Join(formats, ", "))
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp)) // it fails for unknown flags only
}

// look is a configured provider that can be asked.
type look struct {
	*console
	app      *app
	flags    *meshFlags
	provider providers.Provider
}

// look configures the Linkerd provider from flags, without a configuration directory.
func (a *app) look(cmd *cobra.Command, f *meshFlags) (*look, error) {
	if !slices.Contains(f.formats, f.format) {
		return nil, usageError(cmd, fmt.Errorf("--format must be one of %s, not %q", strings.Join(f.formats, ", "), f.format))
	}
	l := &look{console: &console{Terminal: a.terminal()}, app: a, flags: f}
	factory := a.registry(connection{dir: ".", kubeconfig: f.in.kubeconfig, context: f.in.context, logger: a.logger(), waiting: a.notices.say})["linkerd"]
	if factory == nil {
		return nil, fmt.Errorf("this program has no Linkerd provider")
	}
	l.provider = factory()
	attrs := map[string]cty.Value{}
	for name, ty := range l.provider.Schema().Type().AttributeTypes() {
		attrs[name] = cty.NullVal(ty)
	}
	attrs["namespace"], attrs["cluster_domain"] = cty.StringVal(f.controlPlane), cty.StringVal("cluster.local")
	if f.trustDomain != "" {
		attrs["trust_domain"] = cty.StringVal(f.trustDomain)
	}
	if ds := l.provider.Configure(cmd.Context(), cty.ObjectVal(attrs)); ds.HasErrors() {
		return nil, a.fail(l.console, ds)
	}
	return l, nil
}

// read asks a data source. Attributes that are not given have their defaults.
func (l *look) read(ctx context.Context, name string, given map[string]cty.Value) (cty.Value, hcl.Diagnostics) {
	source := l.provider.DataSources()[name]
	s := source.Schema()
	attrs := map[string]cty.Value{}
	for n, a := range s.Block.Attributes {
		attrs[n] = cty.NullVal(a.Type.WithoutOptionalAttributesDeep())
		if a.Default != cty.NilVal {
			attrs[n] = a.Default
		}
	}
	for n, v := range given {
		if v != cty.NilVal {
			attrs[n] = v
		}
	}
	return source.Read(ctx, providers.DataRequest{Config: cty.ObjectVal(attrs)})
}

// namespaces are those that the flags name, or all that have meshed pods.
func (l *look) namespaces(ctx context.Context) ([]string, hcl.Diagnostics) {
	if len(l.flags.namespaces) > 0 {
		out := slices.Clone(l.flags.namespaces)
		slices.Sort(out)
		return slices.Compact(out), nil
	}
	p, ok := l.provider.(interface {
		MeshedNamespaces(context.Context) ([]string, hcl.Diagnostics)
	})
	if !ok {
		return nil, hcl.Diagnostics{diag.Errorf(CodeMesh, "Namespaces are not known", "Name them with --namespace.")}
	}
	out, ds := p.MeshedNamespaces(ctx)
	if !ds.HasErrors() && len(out) == 0 {
		ds = append(ds, diag.Errorf(CodeMesh, "Nothing is meshed", "No pod belongs to the mesh of the control plane in namespace %q. Name another one with --control-plane, or a namespace with --namespace.", l.flags.controlPlane))
	}
	return out, ds
}

// extensions are the namespaces of Linkerd's extensions, unless the flags name namespaces.
func (l *look) extensions(ctx context.Context) ([]string, hcl.Diagnostics) {
	p, ok := l.provider.(interface {
		ExtensionNamespaces(context.Context) ([]string, hcl.Diagnostics)
	})
	if !ok || len(l.flags.namespaces) > 0 {
		return nil, nil
	}
	return p.ExtensionNamespaces(ctx)
}

// each asks a data source about every namespace and hands the answers on in order.
func (l *look) each(ctx context.Context, name string, use func(namespace string, v cty.Value)) hcl.Diagnostics {
	all, ds := l.namespaces(ctx)
	if ds.HasErrors() {
		return ds
	}
	for _, ns := range all {
		given := map[string]cty.Value{"namespace": cty.StringVal(ns)}
		if l.flags.window != "" {
			given["window"] = cty.StringVal(l.flags.window)
		}
		v, more := l.read(ctx, name, given)
		if ds = append(ds, more...); more.HasErrors() {
			return ds
		}
		use(ns, v)
	}
	return ds
}

// writeJSON prints an answer for machines.
func (a *app) writeJSON(v any) error {
	e := json.NewEncoder(a.out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// listOf turns a list of objects into Go maps.
func listOf(v cty.Value) []map[string]cty.Value {
	if v.IsNull() || !v.IsKnown() {
		return nil
	}
	var out []map[string]cty.Value
	for _, e := range v.AsValueSlice() {
		out = append(out, e.AsValueMap())
	}
	return out
}

func numberOf(v cty.Value) float64 {
	if v.IsNull() || !v.IsKnown() {
		return 0
	}
	f, _ := v.AsBigFloat().Float64()
	return f
}

func textOf(v cty.Value) string { return schema.Text(v) }

func (a *app) linkerdCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "linkerd",
		Short: "Look at a Linkerd mesh: checks, certificates, traffic and policy",
		Long: `Looks at a live mesh through the Kubernetes API and the proxies' own metrics. No configuration, state, Linkerd CLI or Prometheus is needed, and nothing is
changed. The same facts are data sources: linkerd_check, linkerd_certificates, linkerd_edges, linkerd_policy and linkerd_mtls.`,
		Example: "  meshplan linkerd check\n  meshplan linkerd edges -n shop\n  meshplan linkerd mtls --format html > compliance.html",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError(cmd, fmt.Errorf("there is no command %q%s", args[0], suggest(cmd, args[0])))
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(a.meshCheckCommand(), a.meshCertsCommand(), a.meshEdgesCommand(), a.meshPolicyCommand(), a.meshMTLSCommand())
	return cmd
}
