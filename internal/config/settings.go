package config

import (
	"fmt"

	"github.com/hashicorp/go-version"
	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/diag"
)

// settingsBlock reads a `meshplan` block. There may be several, for instance one in a file of its own for the backend.
func (d *decoder) settingsBlock(b *hcl.Block) {
	c := d.content(b.Body, &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "required_version"}, {Name: "on_failure"}},
		Blocks:     []hcl.BlockHeaderSchema{{Type: "backend", LabelNames: []string{"type"}}, {Type: "required_providers"}},
	})
	s := d.settings
	if a := c.Attributes["required_version"]; a != nil {
		if s.RequiredVersion != "" {
			d.duplicate("argument", a.Name, a.NameRange, s.RequiredRange)
		} else if s.RequiredVersion = d.constantString(a); s.RequiredVersion != "" {
			s.RequiredRange = a.Expr.Range()
			d.checkVersion()
		}
	}
	if a := c.Attributes["on_failure"]; a != nil {
		if s.OnFailure != "" {
			d.duplicate("argument", a.Name, a.NameRange, d.onFailureRange)
		} else if !d.root {
			d.report(diag.Error(CodeRootOnly, "Setting in a called module", "What follows a failure is decided by the root module, for the whole run. Remove this argument.", a.NameRange.Ptr()))
		} else if v := OnFailure(d.constantString(a)); v == OnFailureStop || v == OnFailureRollback {
			s.OnFailure, d.onFailureRange = v, a.NameRange
		} else if v != "" {
			d.report(diag.Error(CodeInvalidArgument, "Invalid on_failure", fmt.Sprintf("The value %q is not one of %q and %q.%s", v, OnFailureStop, OnFailureRollback,
				diag.Suggest(string(v), []string{string(OnFailureStop), string(OnFailureRollback)})), a.Expr.Range().Ptr()))
		}
	}
	for _, inner := range c.Blocks {
		switch {
		case inner.Type == "required_providers":
			d.requiredProviders(inner)
		case !d.root:
			d.report(diag.Error(CodeRootOnly, "Backend in a called module", "The state is that of the root module, and called modules have a part in it. Remove this block.", inner.DefRange.Ptr()))
		case s.Backend != "":
			d.duplicate("backend", inner.Labels[0], inner.DefRange, s.BackendRange)
		case inner.Labels[0] != "local" && inner.Labels[0] != "kubernetes":
			d.report(diag.Error(CodeInvalidArgument, "Unknown backend", fmt.Sprintf("There is no backend %q. The state is kept by \"local\", in a file, or by "+
				"\"kubernetes\", in the cluster.%s", inner.Labels[0], diag.Suggest(inner.Labels[0], []string{"local", "kubernetes"})), inner.LabelRanges[0].Ptr()))
		default:
			s.Backend, s.BackendBody, s.BackendRange = inner.Labels[0], inner.Body, inner.DefRange
		}
	}
}

// checkVersion compares the running version with required_version.
func (d *decoder) checkVersion() {
	want, err := version.NewConstraint(d.settings.RequiredVersion)
	if err != nil {
		d.report(diag.Error(CodeInvalidArgument, "Invalid version constraint", fmt.Sprintf("The text %q is not a version constraint. Write for instance \">= 0.1\" or \"~> 0.3.0\".",
			d.settings.RequiredVersion), d.settings.RequiredRange.Ptr()))
		return
	}
	if d.options.Version == "" {
		return
	}
	have, err := version.NewVersion(d.options.Version)
	if err != nil {
		return // a development build without a version meets every constraint
	}
	if !want.Check(have.Core()) {
		d.report(diag.Error(CodeVersion, "Unsuitable version of meshplan", fmt.Sprintf("The configuration requires meshplan %s, but this is %s. Install a suitable version, "+
			"or change required_version.", d.settings.RequiredVersion, d.options.Version), d.settings.RequiredRange.Ptr()))
	}
}
