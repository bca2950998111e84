package cli

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/plans/render"
)

// destructiveFlag is the name of the flag that approves critical changes of an apply.
const destructiveFlag = "approve-destructive"

// critical lists the changes that take away what others stand on: trust, control plane, definitions, namespaces, as their
// types say it (schema.Critical). A "yes" that is typed by habit is too little for these.
func (a *app) critical(p *plans.Plan) []*plans.Change { return render.Taken(p, a.types()) }

// environment is the name that a plan's reader types to approve critical changes: the context of the cluster, or the
// directory of the configuration where there is none.
func environment(p *plans.Plan) string {
	for _, place := range p.Base.Places {
		if name, _, _ := strings.Cut(place, ","); strings.HasPrefix(name, "context ") {
			name = strings.TrimPrefix(name, "context ")
			for _, other := range p.Base.Places {
				if !strings.HasPrefix(other, "context "+name+",") {
					name = ""
				}
			}
			if name != "" {
				return name
			}
		}
	}
	dir, err := filepath.Abs(p.Base.Dir)
	if err != nil {
		return "yes"
	}
	return filepath.Base(dir)
}

// unapproved says why --auto-approve alone does not approve a plan.
func (a *app) unapproved(found []*plans.Change, approved int) error {
	var names []string
	for _, c := range found {
		names = append(names, "  "+a.taken(c))
	}
	return fmt.Errorf("this plan takes away what others stand on, and --auto-approve alone does not approve that:\n%s\n\nApprove them with --approve-destructive=%d (now %d), or apply a plan that was saved with \"meshplan plan --out\"",
		strings.Join(names, "\n"), len(found), approved)
}

// taken says what a critical change takes away.
func (a *app) taken(c *plans.Change) string {
	return fmt.Sprintf("%-7s %s: %s", c.Action, c.Addr, a.types()(c.Addr.Resource).Takes(c.Before))
}
