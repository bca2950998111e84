package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/backend"
	"github.com/meshplan/meshplan/internal/rbac"
	"github.com/meshplan/meshplan/providers"
)

func (a *app) rbacCommand() *cobra.Command {
	var (
		in                             inputFlags
		purpose, name, account, output string
		dryRun, noState                bool
	)
	cmd := &cobra.Command{
		Use:   "rbac [DIR]",
		Short: "Print the Kubernetes roles that a configuration needs",
		Long: `Prints the ClusterRole, and the Roles where rights in a namespace are enough, that the configuration needs to be planned, applied or watched for drift:
verbs, resources and, where RBAC allows it, names, each rule with the addresses that need it.

A plan needs reading only. Then what the server alone knows (defaults, admission webhooks) is predicted, and the plan says so. With --dry-run the roles also let
it ask the server; dry runs are authorised like writes, so such a role could write. Roles for apply serve destroy and rollback as well.

The cluster is asked only for kinds that neither meshplan nor the configuration knows; without an answer their plural names are guessed, and a warning says so.
Objects that are recorded in the state and not configured any more are included, since the next apply deletes them.`,
		Example: `  meshplan rbac --for=plan
  meshplan rbac --for=apply --service-account ci/meshplan prod/ | kubectl apply -f -
  meshplan rbac --for=drift --name meshplan-drift --output json`,
		Args: atMost(1), ValidArgsFunction: completeDirs,
		RunE: func(cmd *cobra.Command, args []string) error {
			least, ok := purposes[purpose]
			switch {
			case !ok:
				return usageError(cmd, fmt.Errorf("--for is plan, apply or drift, not %q", purpose))
			case dryRun && purpose != "plan":
				return usageError(cmd, fmt.Errorf("--dry-run is about plans; --for=%s takes none", purpose))
			case output != "yaml" && output != "json":
				return usageError(cmd, fmt.Errorf("--output is yaml or json, not %q", output))
			}
			if dryRun {
				least = providers.ForChecks
			}
			o := rbac.Options{Name: name, Purpose: purpose}
			if account != "" {
				ns, bare, found := strings.Cut(account, "/")
				if !found || ns == "" || bare == "" || strings.Contains(bare, "/") {
					return usageError(cmd, fmt.Errorf("--service-account is NAMESPACE/NAME, not %q", account))
				}
				o.Account = rbac.Account{Namespace: ns, Name: bare}
			}
			if o.Name == "" {
				o.Name = "meshplan-" + purpose
			}
			c := &console{Terminal: a.terminal()}
			w, ds := a.open(cmd, directory(args), &in, nil)
			c.files = w.config.Files
			if ds.HasErrors() {
				return a.fail(c, ds)
			}
			places, more := w.engine(nil, 0).Permissions(cmd.Context(), w.config, engine.PermitOptions{Inputs: w.inputs, NoState: noState})
			if ds = append(ds, more...); ds.HasErrors() {
				return a.fail(c, ds)
			}
			store, more := a.openStore(w.dir, in.state, in.kubeconfig, &w.config.Settings)
			if ds = append(ds, more...); ds.HasErrors() {
				return a.fail(c, ds)
			}
			places = withBackend(places, store)
			c.diagnostics(ds)
			var sets []rbac.Set
			for _, p := range places {
				sets = append(sets, rbac.Of(p, least))
			}
			if output == "json" {
				return rbac.JSON(a.out, sets, o)
			}
			return rbac.YAML(a.out, sets, o)
		},
	}
	in.addAll(cmd.Flags())
	cmd.Flags().StringVar(&purpose, "for", "apply", "what the roles are `for`: plan, apply or drift")
	completeWords(cmd, "for", "plan", "apply", "drift")
	cmd.Flags().StringVar(&name, "name", "", "`name` of the roles and bindings (default meshplan- and what they are for)")
	cmd.Flags().StringVar(&account, "service-account", "", "bind the roles to this service account, as in `namespace/name`")
	cmd.Flags().StringVar(&output, "output", "yaml", "`format`: yaml or json")
	completeWords(cmd, "output", "yaml", "json")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "let plans ask the server by dry runs, which are authorised like writes, and proxies who calls them")
	cmd.Flags().BoolVar(&noState, "no-state", false, "do not read the state: leave out what is recorded and not configured any more")
	return cmd
}

// purposes are the values of --for.
var purposes = map[string]providers.Purpose{"plan": providers.ForPlan, "apply": providers.ForApply, "drift": providers.ForDrift}

// withBackend adds what a state in a cluster needs. Plans and drift read it and look who holds the lock.
func withBackend(places []engine.Permissions, b *backend.Backend) []engine.Permissions {
	if b.Kind != "kubernetes" {
		return places
	}
	namespace, _, _ := strings.Cut(b.Place, "/")
	right := func(purpose providers.Purpose, group, resource string, verbs ...string) engine.Permission {
		return engine.Permission{Right: providers.Right{For: purpose, Group: group, Resource: resource, Namespace: namespace, Verbs: verbs, Why: "keep the state"}}
	}
	rights := []engine.Permission{
		right(providers.ForDrift, "", "secrets", "get"), right(providers.ForDrift, "coordination.k8s.io", "leases", "get"),
		right(providers.ForApply, "", "secrets", "list", "create", "update", "delete"), right(providers.ForApply, "coordination.k8s.io", "leases", "create", "update"),
	}
	place := "the current context"
	switch {
	case b.InCluster:
		place = "the cluster of the pod"
	case b.Context != "":
		place = "context " + b.Context
	}
	i := slices.IndexFunc(places, func(p engine.Permissions) bool { return p.Place == place })
	if i < 0 {
		i, places = len(places), append(places, engine.Permissions{Place: place})
	}
	places[i].Providers = append(places[i].Providers, "backend")
	places[i].Rights = append(places[i].Rights, rights...)
	return places
}
