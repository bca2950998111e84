package chart

import (
	"context"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// SetReadRequest asks what became of the objects of one instance.
type SetReadRequest struct {
	providers.Owner
	Objects    cty.Value // the recorded `objects` attribute
	Record     []byte    // the recorded Private
	Unresolved bool
}

// SetReadResponse is the answer. Objects is null when none of them exists any more.
type SetReadResponse struct {
	Objects     cty.Value
	Record      []byte
	Diagnostics hcl.Diagnostics
}

// ReadSets reads the objects of many instances at once. The answers are in the order of the requests.
func ReadSets(ctx context.Context, c *kube.Cluster, reqs []SetReadRequest) ([]SetReadResponse, hcl.Diagnostics) {
	out := make([]SetReadResponse, len(reqs))
	keys := make([]map[kube.ID]string, len(reqs))
	var reads []kube.SetRead
	var of []int // index of the request of each read
	for i, req := range reqs {
		out[i] = SetReadResponse{Objects: req.Objects, Record: req.Record}
		record, ds := decode(req.Record)
		recorded := recordedObjects(req.Objects)
		keys[i] = make(map[kube.ID]string, len(recorded))
		read := kube.SetRead{Owner: req.Owner, Record: record, Unresolved: req.Unresolved}
		for _, key := range sortedKeys(recorded) {
			d, more := recordedDesired(recorded[key])
			if ds = append(ds, more...); more.HasErrors() {
				continue
			}
			keys[i][kube.RefOf(d.Object).ID()] = key
			read.Desired = append(read.Desired, d)
		}
		out[i].Diagnostics = ds
		switch {
		case ds.HasErrors():
		case req.Unresolved && len(recorded) == 0:
			// What was to be created is not known. The next plan finds what exists by its ownership mark.
			out[i].Objects = cty.NullVal(cty.DynamicPseudoType)
		default:
			reads, of = append(reads, read), append(of, i)
		}
	}
	if len(reads) == 0 {
		return out, nil
	}
	states, ds := c.ReadSets(ctx, reads)
	for n, state := range states {
		i := of[n]
		out[i].Diagnostics = append(out[i].Diagnostics, state.Diagnostics...)
		if state.Diagnostics.HasErrors() {
			continue
		}
		out[i].Record = state.Record.Encode()
		if len(state.Objects) > 0 && !state.Exists() {
			out[i].Objects = cty.NullVal(cty.DynamicPseudoType)
			continue
		}
		now := recordedObjects(reqs[i].Objects)
		for _, o := range state.Objects {
			key, ok := keys[i][o.ID()]
			switch {
			case !ok:
			case !o.Exists:
				delete(now, key)
			case len(o.Drift) > 0:
				now[key] = kube.WithDrift(now[key], o.Drift)
			}
		}
		out[i].Objects = objectsValue(now)
	}
	return out, ds
}
