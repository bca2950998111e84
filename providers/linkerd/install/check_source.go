package install

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// checkSource is data linkerd_check.
type checkSource struct {
	env      env.Env
	settings Settings
	schema   *schema.Resource
}

func checkType() cty.Type {
	return cty.Object(map[string]cty.Type{"category": cty.String, "name": cty.String, "status": cty.String, "message": cty.String, "hint": cty.String})
}

func checkSchema() *schema.Resource {
	return &schema.Resource{
		Summary: "The checks of `linkerd check` that the Kubernetes API can answer.",
		Description: "Runs the checks in the order of `linkerd check` and gives their outcomes as values. A fatal failure ends the run, because later checks could say nothing. " +
			"With `preflight` it checks what must hold before the installation.",
		Example: `data "linkerd_check" "before" {
  preflight = true
  fail_on   = "error"
}

data "linkerd_check" "after" {
  depends_on = [linkerd_control_plane.linkerd]
}

output "health" {
  value = data.linkerd_check.after.passed
}

resource "linkerd_control_plane" "linkerd" {
  path              = "charts/linkerd-control-plane"
  trust_anchors_pem = linkerd_trust_anchor.root.bundle_pem
}

resource "linkerd_trust_anchor" "root" {}
`,
		Block: schema.Block{Attributes: map[string]*schema.Attribute{
			"preflight":  {Type: cty.Bool, Optional: true, Default: cty.False, Description: "Check what must hold before the installation instead of what must hold after it."},
			"categories": {Type: cty.List(cty.String), Optional: true, OneOf: Categories(), Description: "Categories to run; all by default."},
			"fail_on": {Type: cty.String, Optional: true, Default: cty.StringVal("never"), OneOf: []string{"never", "error", "warning"},
				Description: "From which outcome on reading fails: `never`, `error` or `warning`."},
			"warn_before": {Type: cty.String, Optional: true, Default: cty.StringVal("60d"), Validate: validDuration, Description: "How long before its end a certificate gets a warning."},
			"checks":      {Type: cty.List(checkType()), Computed: true, Description: "One object per check: `category`, `name`, `status` (`success`, `warning`, `error`), `message`, `hint`."},
			"passed":      {Type: cty.Bool, Computed: true, Description: "Whether no check failed; warnings pass."},
			"failed":      {Type: cty.Number, Computed: true, Description: "How many checks failed."},
			"warnings":    {Type: cty.Number, Computed: true, Description: "How many checks have a warning."},
		}},
	}
}

// Schema implements providers.DataSource.
func (s *checkSource) Schema() *schema.Resource { return s.schema }

// Order implements providers.Orderer: what the same run installs is checked after it is there.
func (s *checkSource) Order(config cty.Value) providers.Order {
	if schema.True(config.GetAttr("preflight")) {
		return providers.Order{Before: []providers.Tag{TagCRDs, TagControlPlane}}
	}
	return providers.Order{After: []providers.Tag{TagCRDs, TagControlPlane}}
}

// Read implements providers.DataSource.
func (s *checkSource) Read(ctx context.Context, req providers.DataRequest) (cty.Value, hcl.Diagnostics) {
	o := CheckOptions{Preflight: schema.True(req.Config.GetAttr("preflight")), Now: s.settings.Now(), WarnBefore: span(req.Config.GetAttr("warn_before"))}
	if v := req.Config.GetAttr("categories"); !v.IsNull() {
		for _, e := range v.AsValueSlice() {
			o.Categories = append(o.Categories, e.AsString())
		}
	}
	results, ds := RunChecks(ctx, s.env.Cluster(), s.env, o)
	if ds.HasErrors() {
		return req.Config, ds
	}
	var list []cty.Value
	count := map[Status]int64{}
	for _, r := range results {
		count[r.Status]++
		list = append(list, cty.ObjectVal(map[string]cty.Value{
			"category": cty.StringVal(r.Category), "name": cty.StringVal(r.Name), "status": cty.StringVal(r.Status.String()),
			"message": cty.StringVal(r.Message), "hint": cty.StringVal(r.Hint),
		}))
	}
	checks := cty.ListValEmpty(checkType())
	if len(list) > 0 {
		checks = cty.ListVal(list)
	}
	out := with(req.Config, map[string]cty.Value{
		"checks": checks, "passed": cty.BoolVal(count[Failed] == 0), "failed": cty.NumberIntVal(count[Failed]), "warnings": cty.NumberIntVal(count[Warning]),
	})
	return out, append(ds, failures(results, schema.Text(req.Config.GetAttr("fail_on")))...)
}

// failures turns outcomes into errors, as fail_on asks.
func failures(results []CheckResult, failOn string) hcl.Diagnostics {
	var stop []Status
	switch failOn {
	case "error":
		stop = []Status{Failed}
	case "warning":
		stop = []Status{Failed, Warning}
	}
	var ds hcl.Diagnostics
	for _, r := range results {
		if slices.Contains(stop, r.Status) {
			ds = append(ds, diag.Errorf(CodeCheckFailed, "Check failed", "%s", sentence(fmt.Sprintf("%s, %q: %s. %s", r.Category, r.Name, strings.TrimSuffix(r.Message, "."), r.Hint))))
		}
	}
	return ds
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
