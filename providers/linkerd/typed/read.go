package typed

import (
	"context"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// Read implements providers.ResourceType.
func (t Type) Read(ctx context.Context, reqs []providers.ReadRequest) ([]providers.ReadResponse, hcl.Diagnostics) {
	out := make([]providers.ReadResponse, len(reqs))
	reads := make([]kube.SetRead, len(reqs))
	for i, r := range reqs {
		out[i] = providers.ReadResponse{Value: r.Value, Private: r.Private}
		record, err := kube.DecodeRecord(r.Private)
		if err != nil {
			out[i].Diagnostics = diag.FromError(kube.CodeRecord, "Record cannot be read", err, nil)
		}
		gvk := t.choose(r.Value)
		if len(record.Objects) > 0 {
			gvk.Version = record.Objects[0].Version
		}
		desired, _ := t.desired(r.Value, gvk)
		o := t.options(r.Value, r.Owner)
		reads[i] = kube.SetRead{Owner: r.Owner, Record: record, Desired: []kube.Desired{desired}, Unresolved: r.Unresolved, Options: o}
	}
	states, ds := t.Env.Cluster().ReadSets(ctx, reads)
	if len(states) != len(reqs) {
		return out, ds
	}
	for i, s := range states {
		if out[i].Diagnostics.HasErrors() {
			continue
		}
		out[i].Diagnostics, out[i].Private = s.Diagnostics, s.Record.Encode()
		switch {
		case s.Diagnostics.HasErrors():
		case !s.Exists():
			out[i].Value, out[i].Private = cty.NullVal(reqs[i].Value.Type()), nil
		default:
			out[i].Value, out[i].Diagnostics = t.found(ctx, reqs[i], s.Objects[0])
		}
	}
	return out, ds
}

// found brings a recorded value up to date. An object in which nothing of ours changed is not looked at.
func (t Type) found(ctx context.Context, req providers.ReadRequest, s kube.ObjectState) (cty.Value, hcl.Diagnostics) {
	if len(s.Drift) == 0 && !req.Unresolved {
		return req.Value, nil
	}
	live := s.Live
	if live == nil {
		var err error
		if live, err = t.Env.Cluster().Get(ctx, s.Ref); err != nil || live == nil {
			return req.Value, t.Env.Cluster().Diagnose(err, "get", s.Ref)
		}
	}
	return t.value(live, req.Value), nil
}
