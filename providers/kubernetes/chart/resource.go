package chart

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// New returns the resource type kubernetes_chart. The functions are called when they are needed, and not before the
// provider is configured; baseDir is the configuration directory.
func New(cluster func() *kube.Cluster, baseDir func() string) providers.ResourceType {
	return &resourceType{cluster: cluster, baseDir: baseDir, schema: resourceSchema()}
}

type resourceType struct {
	cluster func() *kube.Cluster
	baseDir func() string
	schema  *schema.Resource
}

var _ providers.Orderer = (*resourceType)(nil)

// Schema implements providers.ResourceType.
func (t *resourceType) Schema() *schema.Resource { return t.schema }

// Order implements providers.Orderer: the chart comes after its namespace, or provides it, and it is taken to hold
// workloads. What else it holds is known from a record only. The package kubernetes, which imports this one, defines
// the tags.
func (t *resourceType) Order(config cty.Value) (o providers.Order) {
	namespace := text(config, "namespace")
	if namespace == "" {
		return o
	}
	o.Provides = []providers.Tag{providers.Tag("kubernetes:workloads/" + namespace)}
	if create := config.GetAttr("create_namespace"); create.IsKnown() && !create.IsNull() && create.True() {
		o.Provides = append(o.Provides, providers.Tag("kubernetes:namespace/"+namespace))
	} else {
		o.After = append(o.After, providers.Tag("kubernetes:namespace/"+namespace))
	}
	recorded := recordedObjects(config.GetAttr("objects"))
	for _, key := range sortedKeys(recorded) {
		d, ds := recordedDesired(recorded[key])
		if ds.HasErrors() {
			continue
		}
		for gk := range scopesOf([]*unstructured.Unstructured{d.Object}) {
			o.Provides = append(o.Provides, providers.Tag("kubernetes:crd/"+gk.Group+"/"+gk.Kind))
		}
		o.Provides = append(o.Provides, providers.Tag("kubernetes:object/"+kube.RefOf(d.Object).Key()))
	}
	return o
}

// view is what templates see of the cluster. It goes from the plan to the application, so that both render the same.
type view struct {
	Set         []byte   `json:"set,omitempty"`
	KubeVersion string   `json:"kube,omitempty"`
	APIVersions []string `json:"apis,omitempty"`
	Digest      string   `json:"digest,omitempty"`
}

// Plan implements providers.ResourceType.
func (t *resourceType) Plan(ctx context.Context, req providers.PlanRequest) (providers.PlanResponse, hcl.Diagnostics) {
	if req.Proposed.IsNull() {
		return t.planDelete(ctx, req)
	}
	set, v := t.set(req.Config), view{}
	set.Regenerate = regenerates(req.Prior, req.Config)
	attrs := req.Proposed.AsValueMap()
	c, ds := t.load(ctx, req.Config, "", req.Offline)
	if ds.HasErrors() {
		return providers.PlanResponse{}, ds
	}
	for _, name := range []string{"chart_version", "app_version", "chart_digest"} {
		attrs[name] = cty.UnknownVal(cty.String)
	}
	var rendered *Rendered
	if c != nil {
		describe(attrs, c)
		v.Digest = c.Digest()
		var more hcl.Diagnostics
		if !req.Offline {
			v.KubeVersion, v.APIVersions, more = capabilitiesOf(ctx, set.Cluster, c)
			ds = append(ds, more...)
		}
		if !more.HasErrors() {
			rendered, more = t.render(ctx, c, withValues(req.Config, req.Marked("values")), v)
			ds = append(ds, more...)
		}
	}
	if c == nil && !req.Prior.IsNull() && req.Proposed.RawEquals(req.Prior) {
		return providers.PlanResponse{Planned: req.Prior, Private: req.Private}, ds // nothing says that it changes
	}
	if ds.HasErrors() {
		return providers.PlanResponse{}, ds
	}
	prior := cty.NilVal
	if !req.Prior.IsNull() {
		prior = req.Prior.GetAttr("objects")
	}
	plan, more := set.Plan(ctx, SetPlanRequest{
		Owner: req.Owner, Prior: prior, Record: req.Private, Rendered: rendered,
		Replacing: req.Replacing, Offline: req.Offline, Incomplete: req.Incomplete,
	})
	if ds = append(ds, more...); ds.HasErrors() {
		return providers.PlanResponse{}, ds
	}
	attrs["objects"] = plan.Objects
	v.Set = plan.Private
	out := providers.PlanResponse{Planned: cty.ObjectVal(attrs), Private: v.encode(), Notes: plan.Notes, Restarts: plan.Restarts, Again: plan.Again}
	if plan.Adopted != cty.NilVal && req.Prior.IsNull() {
		out.Adopted = with(out.Planned, "objects", plan.Adopted)
	}
	return out, ds
}

func (t *resourceType) planDelete(ctx context.Context, req providers.PlanRequest) (providers.PlanResponse, hcl.Diagnostics) {
	out := providers.PlanResponse{Planned: t.schema.Block.Null()}
	if req.Prior.IsNull() {
		return out, nil
	}
	set := t.set(req.Prior)
	plan, ds := set.PlanDelete(ctx, SetPlanRequest{Owner: req.Owner, Prior: req.Prior.GetAttr("objects"), Record: req.Private, Offline: req.Offline})
	out.Private, out.Notes = view{Set: plan.Private}.encode(), plan.Notes
	return out, ds
}

// Apply implements providers.ResourceType.
func (t *resourceType) Apply(ctx context.Context, req providers.ApplyRequest) (providers.ApplyResponse, hcl.Diagnostics) {
	failed := providers.ApplyResponse{Value: req.Prior, Private: req.PriorPrivate}
	if req.Creating() {
		failed = providers.ApplyResponse{Value: t.schema.Block.Null()}
	}
	var v view
	if err := json.Unmarshal(req.PlannedPrivate, &v); err != nil && len(req.PlannedPrivate) > 0 {
		return failed, hcl.Diagnostics{diag.Errorf(kube.CodeRecord, "Planned data cannot be read", "%s.", scrub(err))}
	}
	call := SetApplyRequest{Owner: req.Owner, Record: req.PriorPrivate, Private: v.Set, Step: req.Step}
	if !req.Creating() {
		call.Prior = req.Prior.GetAttr("objects")
	}
	if req.Deleting() {
		left, ds := t.set(req.Prior).Delete(ctx, call)
		if ds.HasErrors() {
			return providers.ApplyResponse{Value: req.Prior, Private: left}, ds
		}
		return providers.ApplyResponse{Value: t.schema.Block.Null()}, ds
	}
	set := t.set(req.Config)
	set.Regenerate = regenerates(req.Prior, req.Config)
	c, ds := t.load(ctx, req.Config, v.Digest, false)
	if ds.HasErrors() {
		return failed, ds
	}
	if v.KubeVersion == "" { // the chart was not known when the plan was made
		var more hcl.Diagnostics
		v.KubeVersion, v.APIVersions, more = capabilitiesOf(ctx, set.Cluster, c)
		if ds = append(ds, more...); ds.HasErrors() {
			return failed, ds
		}
	}
	rendered, more := t.render(ctx, c, withValues(req.Config, req.Marked("values")), v)
	if ds = append(ds, more...); ds.HasErrors() {
		return failed, ds
	}
	attrs := req.Planned.AsValueMap()
	call.Planned, call.Rendered = attrs["objects"], rendered
	describe(attrs, c)
	finished := cty.ObjectVal(attrs)
	// As long as not everything is written, the record asks for new values again: what was generated belongs together.
	unfinished := with(finished, "regenerate", cty.NullVal(cty.DynamicPseudoType))
	if !req.Creating() {
		unfinished = with(finished, "regenerate", req.Prior.GetAttr("regenerate"))
	}
	call.Value = func(objects cty.Value) cty.Value { return with(unfinished, "objects", objects) }
	objects, private, more := set.Apply(ctx, call)
	ds = append(ds, more...)
	if objects == cty.NilVal || objects.IsNull() {
		return failed, ds
	}
	if more.HasErrors() {
		finished = unfinished
	}
	return providers.ApplyResponse{Value: with(finished, "objects", objects), Private: private}, ds
}

// regenerates reports whether generated values are to be made anew.
func regenerates(prior, config cty.Value) bool {
	return !prior.IsNull() && !prior.GetAttr("regenerate").RawEquals(config.GetAttr("regenerate"))
}

// Read implements providers.ResourceType.
func (t *resourceType) Read(ctx context.Context, reqs []providers.ReadRequest) ([]providers.ReadResponse, hcl.Diagnostics) {
	out := make([]providers.ReadResponse, len(reqs))
	sets := make([]SetReadRequest, len(reqs))
	for i, r := range reqs {
		sets[i] = SetReadRequest{Owner: r.Owner, Objects: r.Value.GetAttr("objects"), Record: r.Private, Unresolved: r.Unresolved}
	}
	states, ds := ReadSets(ctx, t.cluster(), sets)
	for i, s := range states {
		out[i] = providers.ReadResponse{Value: t.schema.Block.Null(), Private: s.Record, Diagnostics: s.Diagnostics}
		if s.Diagnostics.HasErrors() || !s.Objects.IsNull() {
			out[i].Value = with(reqs[i].Value, "objects", s.Objects)
		}
	}
	return out, ds
}

// set is how the objects of one instance are treated.
func (t *resourceType) set(config cty.Value) *Set {
	return &Set{Cluster: t.cluster(), Namespace: text(config, "namespace"), Options: optionsFrom(config), Wait: waitFrom(config)}
}

func describe(attrs map[string]cty.Value, c *Chart) {
	attrs["chart_version"], attrs["chart_digest"] = cty.StringVal(c.Version()), cty.StringVal(c.Digest())
	attrs["app_version"] = cty.StringVal(c.AppVersion())
}

// with returns a copy of an object in which one attribute is replaced.
func with(v cty.Value, name string, value cty.Value) cty.Value {
	attrs := v.AsValueMap()
	attrs[name] = value
	return cty.ObjectVal(attrs)
}

func (v view) encode() []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("chart: %v", err)) // strings and bytes always have a form in JSON
	}
	return b
}
