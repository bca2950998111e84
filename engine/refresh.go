package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/internal/sealed"
	"github.com/meshplan/meshplan/plans"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/state"
)

// CodeUpgrade: a record cannot be brought to the present version of its type's schema.
const CodeUpgrade diag.Code = "state.upgrade"

// recordType returns what manages a record's type, or a diagnostic when nothing does.
func (w *world) recordType(rec *state.Record) (*provider, providers.ResourceType, hcl.Diagnostics) {
	p, ds := w.recordedProvider(rec.Provider)
	if p == nil {
		for _, d := range ds { // there is no place to point at: the block is gone
			d.Detail += fmt.Sprintf(" The state records that it made %s. Restore the block until that is deleted, or forget it with \"meshplan state rm\".", rec.Addr)
		}
		return nil, nil, ds
	}
	t := p.types()[rec.Addr.Type]
	if t == nil {
		return nil, nil, append(ds, diag.Errorf(CodeUnknownType, "Unknown resource type",
			"The state records %s, but the provider %q has no resource type %q. Use the version of meshplan that created it, or forget it with \"meshplan state rm\".", rec.Addr, p.name, rec.Addr.Type))
	}
	return p, t, ds
}

// adoptRecords makes sure that every record has its provider, and upgrades old records. It comes before the providers
// are configured.
func (w *world) adoptRecords() (ds hcl.Diagnostics) {
	for _, a := range sortedKeys(w.records) {
		r := w.records[a].Record
		p, t, more := w.recordType(r)
		ds = append(ds, more...)
		if t == nil {
			continue
		}
		rec := w.records[r.Addr]
		rec.provider = p
		v, d := upgraded(t, rec)
		if d != nil {
			ds = append(ds, d)
			continue
		}
		rec.sealed.Plain = conform(&t.Schema().Block, v)
		rec.live = rec.sealed.Plain
	}
	return ds
}

// upgraded returns the value of a record in the present version of its type's schema. Nothing is written: the next run
// that writes the record writes the new version.
func upgraded(t providers.ResourceType, rec *record) (cty.Value, *hcl.Diagnostic) {
	v, now := rec.sealed.Plain, t.Schema().Version
	u, ok := t.(providers.Upgrader)
	switch {
	case rec.SchemaVersion > now:
		return v, diag.Errorf(CodeUpgrade, "Record is newer than the program", "The record of %s has version %d of its schema, and this program knows versions up to %d. Use the newer meshplan that wrote it.", rec.Addr, rec.SchemaVersion, now)
	case !ok || rec.SchemaVersion == now:
		return v, nil
	}
	up, err := u.Upgrade(rec.SchemaVersion, v)
	if err != nil {
		return v, diag.Errorf(CodeUpgrade, "Record cannot be upgraded", "The record of %s has version %d of its schema: %s.", rec.Addr, rec.SchemaVersion, err)
	}
	return up, nil
}

// refresh reads the recorded objects that are chosen, batched by type, and resolves writes whose outcome is unknown.
func (w *world) refresh(ctx context.Context, choose func(*record) bool) hcl.Diagnostics {
	type batch struct {
		p       *provider
		t       providers.ResourceType
		records []*record
		reqs    []providers.ReadRequest
	}
	batches := map[string]*batch{}
	add := func(rec *record, req providers.ReadRequest) hcl.Diagnostics {
		p, t, ds := w.recordType(rec.Record)
		if t == nil {
			return ds
		}
		key := p.key + " " + rec.Addr.Type
		b := batches[key]
		if b == nil {
			b = &batch{p: p, t: t}
			batches[key] = b
		}
		b.records, b.reqs = append(b.records, rec), append(b.reqs, req)
		return nil
	}
	var ds hcl.Diagnostics
	for _, a := range sortedKeys(w.records) {
		rec := w.records[a]
		if !choose(rec) {
			continue
		}
		ds = append(ds, add(rec, providers.ReadRequest{Owner: w.owner(a), Value: rec.sealed.Plain, Private: rec.Private, Unresolved: rec.unnamed})...)
	}
	var mu sync.Mutex // guards ds while the batches run
	var wg sync.WaitGroup
	limit := make(chan struct{}, w.engine.options.Parallelism)
	for _, key := range sortedStrings(batches) {
		b := batches[key]
		wg.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			got, more := b.t.Read(ctx, b.reqs)
			mu.Lock()
			defer mu.Unlock()
			ds = append(ds, more...)
			if more.HasErrors() || len(got) != len(b.reqs) {
				for _, rec := range b.records {
					rec.failed = true
				}
				if !more.HasErrors() {
					ds = append(ds, diag.Errorf(CodeProviderBug, "Provider broke its promise", "Reading %d objects of %s gave %d answers.", len(b.reqs), key, len(got)))
				}
				return
			}
			for i, resp := range got {
				ds = append(ds, w.take(b.records[i], resp)...)
			}
		})
	}
	wg.Wait()
	return ds
}

// failed lists the instances that could not be read.
func (w *world) failed() (out []addr.Instance) {
	for _, a := range sortedKeys(w.records) {
		if w.records[a].failed {
			out = append(out, a)
		}
	}
	return out
}

// take applies one answer to its record.
func (w *world) take(rec *record, resp providers.ReadResponse) hcl.Diagnostics {
	var ds hcl.Diagnostics
	for _, d := range resp.Diagnostics {
		c := *d
		if r := w.resources[rec.Addr.Resource]; r != nil && c.Subject == nil {
			c.Subject = &r.cfg.DeclRange
		}
		ds = append(ds, diag.For(&c, rec.Addr.String()))
	}
	if ds.HasErrors() {
		rec.failed = true
		return ds
	}
	rec.live, rec.private = resp.Value, resp.Private
	if rec.live == cty.NilVal {
		rec.live = cty.NullVal(cty.DynamicPseudoType)
	}
	rec.live = markSecrets(rec.live, rec.sealed)
	return ds
}

// markSecrets marks the parts of a value that its record holds as fingerprints only: what was secret when it was
// written is secret when it is read.
func markSecrets(live cty.Value, recorded sealed.Value) cty.Value {
	if len(recorded.Secrets) == 0 {
		return live
	}
	plain, marks := unmark(live)
	for _, s := range recorded.Secrets {
		marks = append(marks, cty.PathValueMarks{Path: s.Path, Marks: cty.NewValueMarks(schema.Sensitive)})
	}
	return remark(plain, marks)
}

// adoptUnresolved turns intents without an outcome into records that are to be read with care. Of several for an address
// the last one counts: it knew of the others.
func (w *world) adoptUnresolved() (ds hcl.Diagnostics) {
	for _, in := range slices.Backward(w.snapshot.Unresolved) {
		at := in.Addr
		if to, ok := w.moved[at]; ok {
			at = to
		}
		rec := w.records[at]
		if rec == nil && !in.From.IsZero() && !in.Gone { // it was about to move here, and did not
			from := in.From
			if to, ok := w.moved[from]; ok {
				from = to
			}
			rec = w.records[from]
		}
		if rec == nil && in.Planned != nil { // otherwise a deletion whose record is gone
			var more hcl.Diagnostics
			rec, more = w.intended(at, &in)
			ds = append(ds, more...)
		}
		if rec == nil {
			continue
		}
		rec.unresolved = true
		// A deletion makes nothing: the recorded object is looked up as always, whatever mark it bears.
		rec.unnamed = rec.unnamed || rec.Revision == 0 || in.Op != plans.OpDelete.String()
		if in.Addr != rec.Addr && rec.marked.IsZero() {
			rec.marked = in.Addr.Current()
		}
	}
	return ds
}

// intended makes a record of what an intent aimed at.
func (w *world) intended(at addr.Instance, in *state.Intent) (*record, hcl.Diagnostics) {
	v, err := w.decoder.Decode(in.Planned)
	if err != nil {
		return nil, diag.FromError(CodeState, "State cannot be read", err, nil)
	}
	// What the provider planned to record is not what it recorded: it gets nothing to go by but the value.
	r := &state.Record{Addr: at, Provider: in.Provider, Value: in.Planned, Status: state.Incomplete, Run: in.Run}
	rec := &record{Record: r, sealed: v, live: v.Plain}
	if at != in.Addr {
		rec.from = in.Addr
	}
	p, t, ds := w.recordType(r)
	if rec.provider = p; t != nil {
		r.SchemaVersion = t.Schema().Version
	}
	w.records[at] = rec
	return rec, ds
}

// drift compares what was read with what is recorded.
func (w *world) drift() (out []*plans.Change) {
	for _, a := range sortedKeys(w.records) {
		rec := w.records[a]
		if rec.unresolved || rec.failed {
			continue
		}
		before := rec.sealed.Plain
		if same(rec.live, before) {
			continue
		}
		plain, _ := unmark(rec.live)
		if same(plain, before) || w.sameButSecrets(rec, plain) {
			continue
		}
		c := &plans.Change{Addr: a, Action: plans.Update, Reason: plans.BecauseDrifted, Provider: rec.Provider, Before: before, After: rec.live, Revision: rec.Revision, PreviousAddr: rec.from}
		for _, s := range rec.sealed.Secrets {
			c.BeforeSecret = append(c.BeforeSecret, s.Path)
		}
		if plain.IsNull() {
			c.Action, c.Reason, c.After = plans.Delete, plans.BecauseGone, cty.NullVal(before.Type())
		}
		if r := w.resources[a.Resource]; r != nil {
			c.Range = r.cfg.Range
		}
		out = append(out, c)
	}
	return out
}

// sameButSecrets reports whether a value differs from its record only in that secrets are readable, and they are the
// recorded ones.
func (w *world) sameButSecrets(rec *record, plain cty.Value) bool {
	if len(rec.sealed.Secrets) == 0 || plain.IsNull() {
		return false
	}
	revealed, _ := rec.sealed.Reveal(plain, w.identity.Key)
	return same(revealed, plain)
}

func (w *world) owner(a addr.Instance) providers.Owner {
	o := providers.Owner{Lineage: w.identity.Lineage, Address: a.Current(), Key: w.identity.Key}
	switch rec := w.records[a]; {
	case rec == nil:
	case !rec.from.IsZero() && rec.from.Current() != o.Address:
		o.Former = rec.from.Current()
	case rec.from.IsZero() && rec.marked != o.Address:
		o.Former = rec.marked
	}
	return o
}

func sortedKeys[V any](m map[addr.Instance]V) []addr.Instance {
	out := make([]addr.Instance, 0, len(m))
	for a := range m {
		out = append(out, a)
	}
	slices.SortFunc(out, addr.Compare)
	return out
}

func sortedStrings[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.SortFunc(out, strings.Compare)
	return out
}
