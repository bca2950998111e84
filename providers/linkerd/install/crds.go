package install

import (
	"context"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	runtimeschema "k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/chart"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// Tags of this package.
const (
	TagCRDs         providers.Tag = "linkerd:crds"
	TagControlPlane providers.Tag = "linkerd:control-plane"
)

// crds is linkerd_crds.
type crds struct{ *charted }

func crdsSchema() *schema.Resource {
	attrs := sourceAttributes("linkerd-crds")
	attrs["install_gateway_api"] = &schema.Attribute{Type: cty.Bool, Optional: true, Default: cty.False,
		Description: "Whether Linkerd's chart brings the Gateway API definitions. Leave it off when anything else in the cluster brings them: definitions of others, and newer ones, are never overwritten, and none is ever deleted."}
	return &schema.Resource{
		Critical: &schema.Critical{Why: "every policy, route and profile of the mesh goes with it"},
		Summary:  "The definitions of Linkerd's custom resources.",
		Description: "Installs the chart linkerd-crds object by object and waits until every definition is established.\n\n" +
			"Deleting a definition deletes all its objects. Destroying this resource is therefore refused while there are custom resources that are not part of the same state, " +
			"unless `force_destroy` is set. Definitions of the Gateway API are kept.",
		Example: `resource "linkerd_crds" "linkerd" {
  repository = "https://helm.linkerd.io/edge"
  version    = "2026.8.3"
}
`,
		Block: schema.Block{Attributes: attrs},
	}
}

// linkerdKinds are the kinds that the chart has brought for as long as anybody remembers; they name the tags of a
// definition before the chart is loaded.
func linkerdKinds() []runtimeschema.GroupKind {
	out := []runtimeschema.GroupKind{{Group: "linkerd.io", Kind: "ServiceProfile"}, {Group: "workload.linkerd.io", Kind: "ExternalWorkload"}}
	for _, k := range []string{"Server", "ServerAuthorization", "AuthorizationPolicy", "MeshTLSAuthentication", "NetworkAuthentication",
		"HTTPRoute", "HTTPLocalRateLimitPolicy", "EgressNetwork"} {
		out = append(out, runtimeschema.GroupKind{Group: "policy.linkerd.io", Kind: k})
	}
	return out
}

// Order implements providers.Orderer.
func (t *crds) Order(config cty.Value) providers.Order {
	o := providers.Order{Provides: []providers.Tag{TagCRDs}, After: []providers.Tag{namespaceTag(t.namespace(config))}}
	for _, k := range linkerdKinds() {
		o.Provides = append(o.Provides, providers.Tag("kubernetes:crd/"+k.Group+"/"+k.Kind))
	}
	return o
}

// Reverse implements providers.Reverser. Newer definitions only add to older ones, and objects may already be stored
// in a version that the older ones do not know.
func (t *crds) Reverse(before, after cty.Value) providers.Reversal {
	if !before.IsNull() && !after.IsNull() && schema.Text(before.GetAttr("chart_version")) != schema.Text(after.GetAttr("chart_version")) {
		return providers.Reversal{Undo: providers.Irreversible,
			Reason: "objects may be stored in versions that the former definitions do not have; the newer definitions serve the former control plane as well"}
	}
	return providers.Reversal{Undo: providers.Restore}
}

func namespaceTag(ns string) providers.Tag { return providers.Tag("kubernetes:namespace/" + ns) }

// values are those of the chart; nil when the configuration is not known yet.
func (t *crds) values(config cty.Value) (chart.Values, hcl.Diagnostics) {
	free, err := chart.ValuesFrom(config.GetAttr("values"))
	if err != nil {
		return nil, hcl.Diagnostics{diag.At(diag.Errorf(chart.CodeValues, "Unusable values", "The attribute values: %s.", err), cty.GetAttrPath("values"))}
	}
	out := chart.Values{}.Merge(free)
	set(out, "installGatewayAPI", plain(config.GetAttr("install_gateway_api")))
	return out, nil
}

// Plan implements providers.ResourceType.
func (t *crds) Plan(ctx context.Context, req providers.PlanRequest) (providers.PlanResponse, hcl.Diagnostics) {
	if req.Config.IsNull() {
		return t.planDelete(ctx, req)
	}
	was, ds := decodePrivate(req.Private)
	if ds.HasErrors() {
		return providers.PlanResponse{}, ds
	}
	planned := with(req.Proposed, map[string]cty.Value{"namespace": t.planNamespace(req.Config)})
	resp := providers.PlanResponse{Planned: unknown(planned, chartComputed...), Private: req.Private}
	values, ds := t.values(with(req.Config, map[string]cty.Value{"values": req.Marked("values")}))
	if ds.HasErrors() {
		return resp, ds
	}
	c, ds := t.load(ctx, req.Config, req.Offline)
	if c == nil {
		return unloaded(req, resp), ds
	}
	version, more := t.version(ctx, was.Kubernetes, req.Offline)
	if ds = append(ds, more...); ds.HasErrors() {
		return resp, ds
	}
	rendered, more := t.render(ctx, c, planned, version, values)
	if ds = append(ds, more...); ds.HasErrors() {
		return resp, ds
	}
	keepGatewayAPI(rendered)
	var notes []string
	if !req.Offline {
		notes, more = t.gatewayAPI(ctx, req, rendered)
		if ds = append(ds, more...); ds.HasErrors() {
			return resp, ds
		}
	}
	plan, more := t.set(planned, nil).Plan(ctx, setRequest(req, was.Chart, rendered))
	if ds = append(ds, more...); ds.HasErrors() {
		return resp, ds
	}
	attrs := chartAttrs(c, plan.Objects)
	resp = providers.PlanResponse{Planned: with(planned, attrs), Private: private{Chart: plan.Private, Kubernetes: version}.encode(),
		Notes: append(notes, plan.Notes...), Restarts: plan.Restarts, Again: plan.Again}
	if plan.Adopted != cty.NilVal {
		attrs["objects"] = plan.Adopted
		resp.Adopted = with(planned, attrs)
	}
	return resp, ds
}

// setRequest asks a set with what the engine asked.
func setRequest(req providers.PlanRequest, record []byte, r *chart.Rendered) chart.SetPlanRequest {
	out := chart.SetPlanRequest{
		Owner: req.Owner, Record: record, Rendered: r, Replacing: req.Replacing, Offline: req.Offline, Incomplete: req.Incomplete, Prior: cty.NullVal(cty.DynamicPseudoType),
	}
	if !req.Prior.IsNull() {
		out.Prior = req.Prior.GetAttr("objects")
	}
	return out
}

// planDelete refuses to delete definitions whose objects belong to somebody else.
func (t *crds) planDelete(ctx context.Context, req providers.PlanRequest) (providers.PlanResponse, hcl.Diagnostics) {
	was, ds := decodePrivate(req.Private)
	if ds.HasErrors() {
		return providers.PlanResponse{}, ds
	}
	plan, ds := t.set(req.Prior, nil).PlanDelete(ctx, setRequest(req, was.Chart, nil))
	resp := providers.PlanResponse{Planned: req.Config, Private: private{Chart: plan.Private}.encode(), Notes: append(plan.Notes, "Deleting a definition deletes every object of its kind.")}
	if req.Offline || ds.HasErrors() {
		return resp, ds
	}
	// What carries our mark is deleted by earlier steps of the same plan.
	foreign, more := t.remaining(ctx, req.Prior, "meshplan.dev/state!="+kube.StateLabel(req.Lineage))
	if ds = append(ds, more...); ds.HasErrors() || len(foreign) == 0 {
		return resp, ds
	}
	if schema.True(req.Prior.GetAttr("force_destroy")) {
		resp.Notes = append(resp.Notes, fmt.Sprintf("Also deletes %d custom resources that are not part of this state: %s.", len(foreign), list(foreign)))
		return resp, ds
	}
	return resp, append(ds, inUse(foreign))
}

func inUse(objects []string) *hcl.Diagnostic {
	return diag.Errorf(CodeForeignResources, "Custom resources would be deleted",
		"With the definitions, Kubernetes would delete %d objects: %s. Delete or export them first, or apply force_destroy = true and destroy again.", len(objects), list(objects))
}

// remaining lists the custom resources of the definitions, those that the label selector chooses. Kept definitions do
// not count.
func (t *charted) remaining(ctx context.Context, v cty.Value, labels string) (out []string, ds hcl.Diagnostics) {
	c := t.env.Cluster()
	for _, o := range elements(v.GetAttr("objects")) {
		d, more := kube.DesiredFrom(o)
		if more.HasErrors() || d.Object.GetKind() != "CustomResourceDefinition" || d.Object.GetAnnotations()["helm.sh/resource-policy"] == "keep" {
			continue
		}
		gk := served(d.Object)
		versions, err := c.ServedVersions(ctx, gk)
		if err != nil || len(versions) == 0 {
			if err != nil {
				ds = append(ds, c.Diagnose(err, "list", kube.Ref{Group: gk.Group, Kind: gk.Kind})...)
			}
			continue // the definition is gone, and so are its objects
		}
		objects, err := c.ListMetadata(ctx, gk.WithVersion(versions[0]), kube.ListOptions{Labels: labels})
		switch {
		case apierrors.IsNotFound(err): // discovery is older than the deletion
			continue
		case err != nil:
			ds = append(ds, c.Diagnose(err, "list", kube.Ref{Group: gk.Group, Version: versions[0], Kind: gk.Kind})...)
			continue
		}
		for _, m := range objects {
			out = append(out, kube.Ref{Kind: gk.Kind, Namespace: m.Namespace, Name: m.Name}.String())
		}
	}
	return sorted(out), ds
}

// elements returns the recorded objects.
func elements(v cty.Value) map[string]cty.Value {
	if v.IsNull() || !v.IsKnown() || !v.CanIterateElements() {
		return nil
	}
	return v.AsValueMap()
}

// served returns the kind that a definition brings.
func served(crd *unstructured.Unstructured) runtimeschema.GroupKind {
	group, _, _ := unstructured.NestedString(crd.Object, "spec", "group")
	kind, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "kind")
	return runtimeschema.GroupKind{Group: group, Kind: kind}
}

// Apply implements providers.ResourceType.
func (t *crds) Apply(ctx context.Context, req providers.ApplyRequest) (providers.ApplyResponse, hcl.Diagnostics) {
	unchanged := providers.ApplyResponse{Value: req.Prior, Private: req.PriorPrivate}
	was, ds := decodePrivate(req.PriorPrivate)
	if ds.HasErrors() {
		return unchanged, ds
	}
	planned, ds := decodePrivate(req.PlannedPrivate)
	if ds.HasErrors() {
		return unchanged, ds
	}
	call := chart.SetApplyRequest{Owner: req.Owner, Prior: cty.NullVal(cty.DynamicPseudoType), Record: was.Chart, Private: planned.Chart, Step: req.Step}
	if !req.Prior.IsNull() {
		call.Prior = req.Prior.GetAttr("objects")
	}
	if req.Deleting() {
		if !schema.True(req.Prior.GetAttr("force_destroy")) {
			left, ds := t.remaining(ctx, req.Prior, "")
			if len(left) > 0 {
				ds = append(ds, inUse(left))
			}
			if ds.HasErrors() {
				return unchanged, ds
			}
		}
		left, ds := t.set(req.Prior, nil).Delete(ctx, call)
		if ds.HasErrors() {
			was.Chart = left
			return providers.ApplyResponse{Value: req.Prior, Private: was.encode()}, ds
		}
		return providers.ApplyResponse{Value: t.schema.Block.Null()}, ds
	}
	req.Planned = with(req.Planned, map[string]cty.Value{"namespace": t.planNamespace(req.Config)})
	values, ds := t.values(with(req.Config, map[string]cty.Value{"values": req.Marked("values")}))
	if ds.HasErrors() {
		return unchanged, ds
	}
	c, more := t.load(ctx, req.Config, false)
	if ds = append(ds, more...); ds.HasErrors() {
		return unchanged, ds
	}
	if was.Kubernetes, more = t.version(ctx, "", false); more.HasErrors() {
		return unchanged, append(ds, more...)
	}
	rendered, more := t.render(ctx, c, req.Planned, was.Kubernetes, values)
	if ds = append(ds, more...); ds.HasErrors() {
		return unchanged, ds
	}
	keepGatewayAPI(rendered)
	call.Step, call.Planned, call.Rendered = was.step(req.Step), req.Planned.GetAttr("objects"), rendered
	call.Value = func(objects cty.Value) cty.Value { return with(req.Planned, chartAttrs(c, objects)) }
	objects, record, more := t.set(req.Planned, &kube.WaitOptions{Rollout: true}).Apply(ctx, call)
	if ds = append(ds, more...); objects == cty.NilVal || objects.IsNull() {
		return providers.ApplyResponse{Value: t.schema.Block.Null()}, ds
	}
	was.Chart = record
	return providers.ApplyResponse{Value: call.Value(objects), Private: was.encode()}, ds
}

// Read implements providers.ResourceType.
func (t *crds) Read(ctx context.Context, reqs []providers.ReadRequest) ([]providers.ReadResponse, hcl.Diagnostics) {
	sets, records, ds := readRequests(reqs)
	if ds.HasErrors() {
		return nil, ds
	}
	states, ds := chart.ReadSets(ctx, t.env.Cluster(), sets)
	out := make([]providers.ReadResponse, len(reqs))
	for i, s := range states {
		out[i] = readResponse(&t.schema.Block, reqs[i].Value, records[i], s)
	}
	return out, ds
}

// readRequests asks for the object sets of instances. It returns what is recorded with each as well.
func readRequests(reqs []providers.ReadRequest) ([]chart.SetReadRequest, []private, hcl.Diagnostics) {
	sets := make([]chart.SetReadRequest, len(reqs))
	records := make([]private, len(reqs))
	for i, r := range reqs {
		p, ds := decodePrivate(r.Private)
		if ds.HasErrors() {
			return nil, nil, ds
		}
		records[i] = p
		sets[i] = chart.SetReadRequest{Owner: r.Owner, Objects: r.Value.GetAttr("objects"), Record: p.Chart, Unresolved: r.Unresolved}
	}
	return sets, records, nil
}

// readResponse answers for one instance with what its object set found.
func readResponse(b *schema.Block, v cty.Value, p private, s chart.SetReadResponse) providers.ReadResponse {
	p.Chart = s.Record
	out := providers.ReadResponse{Private: p.encode(), Diagnostics: s.Diagnostics}
	if s.Objects.IsNull() {
		out.Value = b.Null()
		return out
	}
	out.Value = with(v, map[string]cty.Value{"objects": s.Objects})
	return out
}
