package cli

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/plans"
)

// destructiveFlag is the name of the flag that approves critical changes of an apply.
const destructiveFlag = "approve-destructive"

// critical lists the changes that take away what others stand on: trust, control plane, definitions, namespaces. A "yes" that
// is typed by habit is too little for these.
func critical(p *plans.Plan) (out []*plans.Change) {
	for _, c := range p.Changes {
		if c.Action != plans.Delete && c.Action != plans.Replace {
			continue
		}
		switch c.Addr.Type {
		case "linkerd_trust_anchor", "linkerd_control_plane", "linkerd_crds", "kubernetes_namespace":
			out = append(out, c)
		case "kubernetes_manifest":
			if kind := manifestKind(c.Before); kind == "Namespace" || kind == "CustomResourceDefinition" {
				out = append(out, c)
			}
		}
	}
	return out
}

// manifestKind reads the kind of a manifest; "" when it is not known.
func manifestKind(v cty.Value) string {
	v, _ = v.UnmarkDeep()
	for _, name := range []string{"manifest", "kind"} {
		if v == cty.NilVal || v.IsNull() || !v.IsKnown() || !v.Type().IsObjectType() || !v.Type().HasAttribute(name) {
			return ""
		}
		v = v.GetAttr(name)
	}
	if v.IsNull() || !v.IsKnown() || v.Type() != cty.String {
		return ""
	}
	return v.AsString()
}

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
func unapproved(found []*plans.Change, approved int) error {
	var names []string
	for _, c := range found {
		names = append(names, fmt.Sprintf("  %-7s %s", c.Action, c.Addr))
	}
	return fmt.Errorf("this plan takes away what others stand on, and --auto-approve alone does not approve that:\n%s\n\nApprove them with --approve-destructive=%d (now %d), or apply a plan that was saved with \"meshplan plan --out\"",
		strings.Join(names, "\n"), len(found), approved)
}
