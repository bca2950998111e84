package kubernetes

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// restartForm writes a restart down as the token in the pod template.
type restartForm struct{}

func newRestart(cluster func() *kube.Cluster) providers.ResourceType {
	return &restart{single{form: restartForm{}, cluster: cluster, schema: &schema.Resource{
		Summary: "A rolling restart of a workload, proved at its pods",
		Description: `Restarts a Deployment, StatefulSet or DaemonSet when it is created and whenever a trigger changes. It is done when as many pods as wanted carry the
token of this restart and are ready, and, with ` + "`drain`" + `, no older pod is left. The token follows from the triggers and the address, so a repeated apply restarts nothing, and neither does a ` + "`moved`" + ` block.
Removing the resource restarts nothing either.`,
		Example: `resource "kubernetes_rollout_restart" "web" {
  namespace = "shop"
  name      = "web"

  triggers = {
    config = sha256(file("web.conf"))
  }
}`,
		NoImport: "A restart is something done, not something that is there: declare it and apply. It restarts the workload once; a workload that is to be managed is imported as a `kubernetes_manifest`.",
		Block: schema.Block{Attributes: with(targetAttributes(cty.StringVal("Deployment")), map[string]*schema.Attribute{
			"triggers": {Type: cty.Map(cty.String), Optional: true, Description: "Values whose change restarts the workload."},
			"drain":    {Type: cty.Bool, Optional: true, Default: cty.True, Description: "Wait until the old pods are gone, not only until the new ones are ready."},
			"timeout":  {Type: cty.String, Optional: true, Default: cty.StringVal("10m"), Validate: duration, Description: "How long the restart may take."},
			"token":    {Type: cty.String, Computed: true, Description: "What the annotation `" + kube.AnnotationRestart + "` of the pods says."},
		})},
	}}}
}

// restart is kubernetes_rollout_restart.
type restart struct{ single }

func (restartForm) desired(v cty.Value) (kube.Desired, hcl.Diagnostics) {
	d := named("apps/v1", schema.Text(v.GetAttr("kind")), v, nil)
	path := kube.Path{"spec", "template", "metadata", "annotations", kube.AnnotationRestart}
	switch token := v.GetAttr("token"); {
	case !token.IsKnown() || token.IsNull():
		d.Unknown = append(d.Unknown, path)
	default:
		_ = unstructured.SetNestedField(d.Object.Object, token.AsString(), "spec", "template", "metadata", "annotations", kube.AnnotationRestart) // the object has no spec yet
	}
	return d, nil
}

func (restartForm) present(recorded cty.Value, drift []kube.Drift) cty.Value {
	for _, d := range drift {
		token, _ := d.Live.(string)
		recorded = set(recorded, map[string]cty.Value{"token": cty.StringVal(token)})
	}
	return recorded
}

func (restartForm) computed(kube.Ref) map[string]cty.Value { return map[string]cty.Value{} }
func (restartForm) options(_ cty.Value, owner providers.Owner) kube.SetOptions {
	return kube.SetOptions{Partial: true, Manager: kube.InstanceManager(owner), Conflicts: kube.ConflictsForce}
}
func (restartForm) body() []string                { return []string{"token"} }
func (restartForm) identity() cty.Path            { return cty.GetAttrPath("name") }
func (restartForm) protect(v cty.Value) cty.Value { return v }

// restarted is what Private holds: the record, in the same place as everywhere, and the token that was given out, which
// stays when the resource moves to another address.
type restarted struct {
	kube.Record
	Token string `json:"token,omitempty"`
}

func (r restarted) encode() []byte {
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // the type has no value that JSON cannot say
	}
	return text
}

// seal implements sealer.
func (restartForm) seal(_ providers.Owner, v cty.Value, rec kube.Record) []byte {
	return restarted{rec, schema.Text(v.GetAttr("token"))}.encode()
}

// reseal implements resealer.
func (restartForm) reseal(rec kube.Record, was []byte) []byte {
	return restarted{rec, givenOut(was)}.encode()
}

// found implements reader.
func (restartForm) found(req providers.ReadRequest, state kube.SetState) ([]kube.Drift, []byte) {
	token := givenOut(req.Private)
	if token == "" { // recorded by a version that kept it in the value alone
		token = schema.Text(req.Value.GetAttr("token"))
	}
	return state.Objects[0].Drift, restarted{state.Record, token}.encode()
}

func givenOut(private []byte) string {
	var r restarted
	if json.Unmarshal(private, &r) != nil {
		return "" // recordOf has reported it
	}
	return r.Token
}

// tokenFor is the token that was given out for the same restart, or a new one: that of another address would restart
// pods because a block was renamed.
func tokenFor(owner providers.Owner, config, prior cty.Value, private []byte) cty.Value {
	given := givenOut(private)
	if prior.IsNull() || given == "" {
		return tokenOf(owner, config)
	}
	for _, name := range []string{"kind", "namespace", "name", "triggers"} {
		if !config.GetAttr(name).RawEquals(prior.GetAttr(name)) {
			return tokenOf(owner, config)
		}
	}
	return cty.StringVal(given)
}

// tokenOf follows from who restarts and why; unknown triggers make it unknown.
func tokenOf(owner providers.Owner, config cty.Value) cty.Value {
	triggers := config.GetAttr("triggers")
	if !triggers.IsWhollyKnown() {
		return cty.UnknownVal(cty.String).RefineNotNull()
	}
	canonical, err := json.Marshal(stringMap(triggers)) // sorts keys
	if err != nil {
		panic(err) // a map of strings always has a JSON form
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%s", owner.Lineage, owner.Address, canonical))
	return cty.StringVal(hex.EncodeToString(sum[:8]))
}

// Plan implements providers.ResourceType.
func (r *restart) Plan(ctx context.Context, req providers.PlanRequest) (providers.PlanResponse, hcl.Diagnostics) {
	if req.Config.IsNull() {
		return providers.PlanResponse{Planned: cty.NullVal(r.schema.Block.Type()), Notes: []string{"no pod is restarted"}}, nil
	}
	token := map[string]cty.Value{"token": tokenFor(req.Owner, req.Config, req.Prior, req.Private)}
	req.Config, req.Proposed = set(req.Config, token), set(req.Proposed, token)
	out, ds := r.single.Plan(ctx, req)
	if ds.HasErrors() {
		return out, ds
	}
	out.Planned = set(out.Planned, token)
	if req.Offline || req.Prior.RawEquals(out.Planned) {
		return out, ds
	}
	ref := workloadOf(req.Config)
	live, err := r.cluster().Get(ctx, ref)
	if err != nil {
		return out, r.cluster().Diagnose(err, "get", ref)
	}
	if live != nil {
		ds = append(ds, kube.CheckRestart(live)...)
	}
	return out, ds
}

func workloadOf(v cty.Value) kube.Ref {
	r := kube.Ref{Group: "apps", Version: "v1", Kind: schema.Text(v.GetAttr("kind")), Namespace: schema.Text(v.GetAttr("namespace")), Name: schema.Text(v.GetAttr("name"))}
	if r.Namespace == "" {
		r.Namespace = kube.DefaultNamespace
	}
	return r
}

// Apply implements providers.ResourceType.
func (r *restart) Apply(ctx context.Context, req providers.ApplyRequest) (providers.ApplyResponse, hcl.Diagnostics) {
	if req.Deleting() {
		return providers.ApplyResponse{Value: cty.NullVal(r.schema.Block.Type())}, nil
	}
	token := tokenFor(req.Owner, req.Config, req.Prior, req.PriorPrivate)
	req.Config = set(req.Config, map[string]cty.Value{"token": token})
	req.Planned = set(req.Planned, map[string]cty.Value{"token": token})
	out, ds := r.single.Apply(ctx, req)
	if ds.HasErrors() {
		return out, ds
	}
	if err := req.Step.Checkpoint(out.Value, out.Private); err != nil {
		return out, append(ds, r.cluster().Diagnose(err, "record", workloadOf(req.Config))...)
	}
	return out, append(ds, r.cluster().RestartWorkload(ctx, kube.Restart{
		Workload: workloadOf(req.Config), Token: token.AsString(), Manager: kube.InstanceManager(req.Owner),
		Drain: req.Config.GetAttr("drain").True(), Timeout: durationOf(req.Config, "timeout"),
	}, req.Step)...)
}

// Order implements providers.Orderer.
func (r *restart) Order(config cty.Value) providers.Order { return afterTarget(config) }

// Reverse implements providers.Reverser.
func (r *restart) Reverse(before, _ cty.Value) providers.Reversal {
	if before.IsNull() {
		return providers.Reversal{Undo: providers.Restore}
	}
	return providers.Reversal{Undo: providers.Irreversible, Reason: "pods that were restarted cannot be brought back; what their template says is undone by the resources that changed it"}
}
