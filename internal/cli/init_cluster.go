package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/spf13/cobra"

	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
)

// draftFlags say what a rollout is drafted from.
type draftFlags struct {
	meshFlags
	from, charts string
}

func (f *draftFlags) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.from, "from-cluster", "", "write a rollout for what runs in this `namespace`")
	fs.StringVar(&f.charts, "charts", "", "with --from-cluster: `directory` below DIR that holds Linkerd's charts (default: Linkerd's repository)")
	fs.StringVar(&f.controlPlane, "control-plane", "linkerd", "with --from-cluster: `namespace` of the control plane")
	fs.StringVar(&f.trustDomain, "trust-domain", "", "with --from-cluster: `domain` that ends every identity (default cluster.local)")
	f.format, f.formats = "text", []string{"text"}
}

// draft writes the files of a rollout for what runs in a namespace into a directory without configuration.
func (a *app) draft(cmd *cobra.Command, f *draftFlags, dir string) error {
	if f.charts != "" && !filepath.IsLocal(f.charts) {
		return usageError(cmd, fmt.Errorf("--charts must name a directory below the configuration, such as --charts charts"))
	}
	if there, err := configured(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	} else if there {
		return fmt.Errorf("%s holds a configuration already: choose another directory", dir)
	}
	l, err := a.look(cmd, &f.meshFlags)
	if err != nil {
		return err
	}
	p, ok := l.provider.(interface {
		Draft(ctx context.Context, namespace, chartDir, kubeContext string) (map[string][]byte, hcl.Diagnostics)
	})
	if !ok {
		return a.fail(l.console, hcl.Diagnostics{diag.Errorf(CodeMesh, "Nothing to draft from", "This program's Linkerd provider cannot draft a rollout.")})
	}
	files, ds := p.Draft(cmd.Context(), f.from, filepath.ToSlash(f.charts), f.in.context)
	if ds.HasErrors() {
		return a.fail(l.console, ds)
	}
	l.diagnostics(ds)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text, ds := config.Format(files[name], name)
		if ds.HasErrors() {
			return a.fail(l.console, ds)
		}
		if err := writeNew(filepath.Join(dir, name), text); err != nil {
			return err
		}
		fmt.Fprintf(a.out, "Wrote %s\n", filepath.Join(dir, name))
	}
	next := "meshplan plan"
	if dir != "." {
		next += " " + quote(dir)
	}
	fmt.Fprintf(a.out, "\nRead the comments: they say what the cluster could not. Nothing is refused until var.enforcement is raised. Then run:\n  %s\n", next)
	return nil
}

// writeNew writes a file that must not exist yet.
func writeNew(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
