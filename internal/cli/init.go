package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/spf13/cobra"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/engine"
	"github.com/meshplan/meshplan/internal/backend"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/state"
)

func (a *app) initCommand() *cobra.Command {
	var (
		in      inputFlags
		migrate bool
		from    string
		wait    time.Duration
		drafted draftFlags
	)
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Begin a rollout, or check where its state is kept",
		Long: `In a directory without configuration it writes a small example to begin with. With a configuration it checks that the state can be reached and says what is in it.
Nothing has to be installed: providers are compiled in.

With --from-cluster it writes a whole rollout for what runs in a namespace: certificates and control plane (or a look at the ones that are there), injection in
waves, a permission for every caller that is certain, gates. What the cluster only hints at is a comment. Nothing is refused until you say so.

With --migrate-state the state is taken from where it was kept before to where the block backend says now, journals included, so that earlier runs can still be
rolled back. --from names that place: a state file, or kubernetes:NAMESPACE/NAME; without it, it is the state file of the directory. What is there already is
not overwritten if it belongs to another rollout or is newer. A file that was migrated is kept under the name state.db.migrated.`,
		Example: `  meshplan init
  meshplan init --from-cluster shop rollout/
  meshplan init --migrate-state                                to the cluster, after a block backend "kubernetes" was added
  meshplan init --migrate-state --from kubernetes:mesh/shop    back to a file, after the block was removed`,
		Args: atMost(1), ValidArgsFunction: completeDirs,
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := directory(args)
			c := &console{Terminal: a.terminal()}
			if drafted.from != "" {
				if migrate {
					return usageError(cmd, fmt.Errorf("--from-cluster does not go with --migrate-state"))
				}
				drafted.in = in
				return a.draft(cmd, &drafted, dir)
			}
			if from != "" && !migrate {
				return usageError(cmd, fmt.Errorf("--from goes with --migrate-state"))
			}
			begun, err := scaffold(dir)
			if err != nil || begun {
				if begun {
					fmt.Fprintf(a.out, "Wrote %s to begin with. Edit it, then run \"meshplan plan\".\n", filepath.Join(dir, scaffoldName))
				}
				return err
			}
			cfg, ds := config.Load(dir, config.Options{Version: versionNumber()})
			c.files = cfg.Files
			if ds.HasErrors() {
				return a.fail(c, ds)
			}
			c.diagnostics(ds)
			target, ds := a.openStore(dir, in.state, in.kubeconfig, &cfg.Settings)
			if ds.HasErrors() {
				return a.fail(c, ds)
			}
			if migrate {
				source, ds := a.migrationSource(dir, from, in.kubeconfig, cfg)
				if ds.HasErrors() {
					return a.fail(c, ds)
				}
				if err := a.migrate(cmd, source, target, wait); err != nil {
					return err
				}
			}
			return a.describeState(cmd.Context(), c, dir, target)
		},
	}
	in.addState(cmd.Flags())
	in.addCluster(cmd.Flags())
	addLockTimeout(cmd, &wait)
	drafted.add(cmd)
	cmd.Flags().BoolVar(&migrate, "migrate-state", false, "take the state from where it was kept before")
	cmd.Flags().StringVar(&from, "from", "", "`place` where it was kept: a file, or kubernetes:NAMESPACE/NAME")
	return cmd
}

// describeState says where the state is and what is in it.
func (a *app) describeState(ctx context.Context, c *console, dir string, b *backend.Backend) error {
	snap, err := b.Snapshot(ctx)
	if err != nil {
		return a.fail(c, engine.StateError(err))
	}
	what := "it does not exist yet; the first apply makes it"
	if snap.Lineage != "" {
		what = fmt.Sprintf("serial %d, %s", snap.Serial, plural(len(snap.Records), "record"))
	}
	fmt.Fprintf(a.out, "The configuration can be read.\nState: %s %s (%s)\n", b.Kind, b.Place, what)
	if _, err := os.Stat(backend.Local(dir)); b.Kind == "kubernetes" && err == nil && snap.Lineage == "" {
		fmt.Fprintf(a.out, "\nThere is a state file in this directory. To take it to the cluster, run:\n  meshplan init --migrate-state\n")
	}
	return nil
}

// migrationSource opens the state as it was kept before, with the keys of the present configuration.
func (a *app) migrationSource(dir, from, kubeconfig string, cfg *config.Config) (*backend.Backend, hcl.Diagnostics) {
	former := config.Settings{BackendRange: cfg.Settings.BackendRange}
	place, inCluster := strings.CutPrefix(from, "kubernetes:")
	switch {
	case inCluster:
		namespace, name, _ := strings.Cut(place, "/")
		former.Backend = "kubernetes"
		former.BackendBody = attributes(map[string]string{"namespace": namespace, "name": name})
	case from == "" && cfg.Settings.Backend != "kubernetes":
		return nil, hcl.Diagnostics{diag.Errorf(backend.CodeBackend, "Former place is not known", "The state is kept in a file from now on. Name the place that it comes from, as in --from kubernetes:NAMESPACE/NAME or --from FILE.")}
	case from == "":
		from = backend.Local(dir)
		fallthrough
	default:
		if _, err := os.Stat(from); err != nil {
			return nil, hcl.Diagnostics{diag.Errorf(backend.CodeBackend, "There is nothing to migrate", "The state file cannot be opened: %s.", err)}
		}
	}
	target, ds := backend.Open(&cfg.Settings, backend.Options{Dir: dir, Getenv: a.getenv, Reached: a.reached})
	if ds.HasErrors() {
		return nil, ds
	}
	o := backend.Options{Dir: dir, Kubeconfig: kubeconfig, Keys: target.Keys, Getenv: a.getenv, Now: a.now}
	if !inCluster {
		o.Path = from
	}
	return backend.Open(&former, o)
}

// attributes is a body with strings.
func attributes(values map[string]string) hcl.Body {
	b := &hclsyntax.Body{Attributes: hclsyntax.Attributes{}}
	for name, v := range values {
		if v != "" {
			b.Attributes[name] = &hclsyntax.Attribute{Name: name, Expr: &hclsyntax.LiteralValueExpr{Val: cty.StringVal(v)}}
		}
	}
	return b
}

// migrate takes a state over, under the locks of both places.
func (a *app) migrate(cmd *cobra.Command, source, target *backend.Backend, wait time.Duration) error {
	if source.Kind == target.Kind && source.Place == target.Place {
		return fmt.Errorf("the state is kept in %s already", target.Place)
	}
	c := &console{Terminal: a.terminal()}
	var count int
	err := a.hold(cmd, source, wait, func(state.Session) error {
		dump, err := source.Store.(state.Dumper).Dump(cmd.Context())
		if err != nil {
			return a.fail(c, engine.StateError(err))
		}
		if dump.Meta.Lineage == "" {
			return fmt.Errorf("there is no state in %s", source.Place)
		}
		count = dump.Records
		return a.hold(cmd, target, wait, func(session state.Session) error {
			now, err := session.Snapshot(context.WithoutCancel(cmd.Context()))
			switch {
			case err != nil:
				return a.fail(c, engine.StateError(err))
			case now.Lineage == dump.Meta.Lineage && now.Serial > dump.Meta.Serial:
				return fmt.Errorf("%s has the same state at serial %d, and %s is at %d: it is newer already, so there is nothing to migrate. If %s was migrated before and has not been used since, it is not needed any more: put it aside", target.Place, now.Serial, source.Place, dump.Meta.Serial, source.Place)
			case now.Lineage != "" && now.Lineage != dump.Meta.Lineage:
				return fmt.Errorf("%s holds the state of another rollout (lineage %s, not %s): choose another name or path for the backend", target.Place, now.Lineage, dump.Meta.Lineage)
			}
			if err := session.(state.Loader).Load(dump); err != nil {
				return a.fail(c, engine.StateError(err))
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(a.out, "Took %s from %s to %s.\n", plural(count, "record"), source.Place, target.Place)
	if source.Kind == "local" {
		kept := source.Place + ".migrated"
		if err := os.Rename(source.Place, kept); err != nil {
			return fmt.Errorf("the state was migrated, but the former file could not be put aside; do it by hand: %w", err)
		}
		fmt.Fprintf(a.out, "The former file is kept as %s.\n", kept)
		return nil
	}
	namespace, name, _ := strings.Cut(source.Place, "/")
	fmt.Fprintf(a.out, "The former objects stay. When you no longer need them:\n  kubectl delete secret,lease -n %s -l meshplan.dev/backend=%s\n", namespace, strings.TrimPrefix(name, "meshplan-"))
	return nil
}

const scaffoldName = "main.mesh.hcl"

// scaffold writes an example into a directory without configuration, and reports whether it did.
func scaffold(dir string) (bool, error) {
	there, err := configured(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("there is no directory %s", dir)
	}
	if err != nil || there {
		return false, err
	}
	err = writeNew(filepath.Join(dir, scaffoldName), []byte(example))
	return err == nil, err
}

// configured reports whether a directory holds configuration.
func configured(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return strings.HasSuffix(e.Name(), ".mesh.hcl") || strings.HasSuffix(e.Name(), ".mesh.hcl.json")
	}), nil
}

const example = `# A rollout begins with what it needs, and order comes from references.
# "meshplan plan" shows what would change, "meshplan apply" does it, "meshplan rollback" undoes it.

meshplan {
  on_failure = "stop" # or "rollback"

  # The state is kept in .meshplan/state.db. For a team, keep it in the cluster:
  # backend "kubernetes" {
  #   namespace = "meshplan"
  #   name      = "shop"
  # }
}

variable "namespace" {
  type        = string
  default     = "shop"
  description = "Where the workloads run."
}

resource "kubernetes_namespace" "shop" {
  name = var.namespace
}

resource "kubernetes_manifest" "settings" {
  manifest = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "settings", namespace = kubernetes_namespace.shop.name }
    data       = { greeting = "hello" }
  }
}
`
