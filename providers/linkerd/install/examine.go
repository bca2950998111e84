package install

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// Examine runs the checks of data linkerd_check: those of an installed control plane where there is one, or else those that
// must hold before it is installed, without that of the credentials. What is in order is one line.
func Examine(ctx context.Context, e env.Env, now time.Time) ([]providers.Examination, hcl.Diagnostics) {
	o := CheckOptions{Now: now, NoRights: true}
	f := &facts{ctx: ctx, cluster: e.Cluster(), env: e, options: o}
	config := f.get(e.ConfigRef())
	if f.ds.HasErrors() {
		return nil, f.ds
	}
	o.Preflight = config == nil && len(f.takeWarnings()) == 0 // one that may not be read is there, perhaps
	results, ds := RunChecks(ctx, e.Cluster(), e, o)
	var found []providers.Examination
	passed := 0
	for _, r := range results {
		x := providers.Examination{Health: providers.Doubtful, Text: fmt.Sprintf("%s, %q: %s", r.Category, r.Name, r.Message), Advice: r.Hint}
		switch r.Status {
		case Success:
			passed++
			continue
		case Failed:
			x.Health = providers.Unfit
		}
		found = append(found, x)
	}
	what := "Linkerd in namespace " + e.Namespace()
	switch c, _ := env.ParseConfig(config); {
	case o.Preflight:
		what = "no Linkerd in namespace " + e.Namespace() + " yet"
	case c != nil && c.LinkerdVersion != "":
		what = "Linkerd " + c.LinkerdVersion + " in namespace " + e.Namespace()
	}
	sum := providers.Examination{Health: providers.Fit, Text: fmt.Sprintf("%s: %d of %d checks passed", what, passed, len(results))}
	return append([]providers.Examination{sum}, found...), ds
}
