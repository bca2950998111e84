package install

import (
	"context"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// Inspect looks for what an upgrade by somebody else breaks: of the Gateway API, of Kubernetes under the control plane, of the
// control plane without its definitions. It costs four requests, where the state records an installation.
func Inspect(ctx context.Context, e env.Env, req providers.InspectRequest) (out providers.Inspection, ds hcl.Diagnostics) {
	c := e.Cluster()
	for _, r := range req.Recorded {
		if r.Value.IsNull() {
			continue
		}
		switch r.Address.Resource.Type {
		case "linkerd_crds":
			found, more := inspectGateway(ctx, c, req.Lineage, r)
			out.Findings, ds = append(out.Findings, found...), append(ds, more...)
		case "linkerd_control_plane":
			out.Findings = append(out.Findings, inspectRelease(ctx, c, r)...)
		}
	}
	return out, ds
}

// inspectGateway judges the definitions of the Gateway API that are there, whoever keeps them.
func inspectGateway(ctx context.Context, c *kube.Cluster, lineage string, r providers.Recorded) (out []providers.Finding, ds hcl.Diagnostics) {
	for _, name := range []string{"httproutes." + gatewayGroup, "grpcroutes." + gatewayGroup} {
		ref := definitionRef(name)
		u, err := c.Get(ctx, ref)
		switch {
		case apierrors.IsForbidden(err):
			return out, ds // who may not read is told where the state is read
		case err != nil:
			return out, append(ds, c.Diagnose(err, "get", ref)...)
		case u == nil:
			continue
		}
		live := gatewayDefinition{u, u.GetAnnotations()[annotationBundle]}
		finding := providers.Finding{Class: CodeDriftGateway, Severity: providers.SeverityDrift, Object: ref.String(), Owner: r.Address}
		if served := servedVersions(u); !slices.Contains(served, "v1") {
			finding.Summary, finding.Severity = "Gateway API is too old for Linkerd", providers.SeverityCritical
			finding.Detail = "The definition " + live.String() + " serves " + strings.Join(served, ", ") + ", but Linkerd reads v1: routes of the Gateway API have no effect."
			finding.Fix = "Whoever keeps it must install bundle v1.1.1 or later. Linkerd's own HTTPRoute works meanwhile."
			out = append(out, finding)
		}
		if tool := live.tool(); tool != "" && strings.HasPrefix(u.GetAnnotations()[kube.AnnotationOwner], lineage+"/") {
			finding.Summary = "Two keep the Gateway API"
			finding.Detail = "The definition " + name + " is this rollout's, and " + tool + " has marked it as its own since: the two will overwrite each other, and an uninstallation there takes every route along."
			finding.Fix = "Set install_gateway_api = false, which leaves the definitions in place, or take the marks off and keep the other one from writing it."
			out = append(out, finding)
		}
	}
	return out, ds
}

// inspectRelease judges what the recorded release stands on.
func inspectRelease(ctx context.Context, c *kube.Cluster, r providers.Recorded) (out []providers.Finding) {
	finding := providers.Finding{Class: CodeDriftRelease, Severity: providers.SeverityDrift, Object: r.Address.String(), Owner: r.Address}
	if text := olderDefinitions(ctx, c, schema.Text(r.Value.GetAttr("chart_version"))); text != "" {
		finding.Summary, finding.Detail, finding.Fix = "Definitions are older than the control plane", text, "Upgrade linkerd_crds."
		out = append(out, finding)
	}
	release, ok := parseRelease(schema.Text(r.Value.GetAttr("app_version")))
	kubernetes, err := c.Version(ctx)
	if !ok || err != nil {
		return out
	}
	for _, d := range supported(release, kubernetes) {
		finding.Summary, finding.Detail, finding.Fix, finding.Severity = d.Summary, d.Detail, "Upgrade the control plane, one major release at a time.", providers.SeverityNote
		out = append(out, finding)
	}
	return out
}
