package engine

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/config"
	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/lang"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/internal/sealed"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/state"
)

// world is everything that one operation works on: the configuration with its references resolved, the providers, and
// the records. It is built once, then only the goroutine that visits a node writes to that node.
type world struct {
	engine    *Engine
	module    *config.Module
	config    *config.Config
	functions map[string]function.Function
	vars      cty.Value // the object `var`
	path      cty.Value // the object `path`
	identity  state.Identity
	snapshot  *state.Snapshot
	offline   bool
	applying  bool // locals are evaluated at their first use: all that they depend on has been applied then

	resources map[addr.Resource]*resource
	sorted    []*resource
	locals    map[string]*local
	outputs   map[string]*output
	providers map[string]*provider
	records   map[addr.Instance]*record
	decoder   sealed.Decoder
	encoder   sealed.Encoder
}

// resource is a `resource` or `data` block.
type resource struct {
	addr   addr.Resource
	cfg    *config.Resource
	schema *schema.Resource
	typ    providers.ResourceType // nil for data sources
	source providers.DataSource   // nil for managed resources
	prov   *provider

	refs      []lang.Reference // of the body and of conditions
	keyRefs   []lang.Reference // of count, for_each and enabled
	inverted  map[addr.Resource]bool
	usesNodes bool // refers to resources or data, directly or through locals

	expanded  bool
	instances []*instance // sorted by key
	byKey     map[addr.Key]*instance
	whole     wholeValue
	base      baseScope
	eachOnce  sync.Once // evaluates for_each while applying
	eachDiags hcl.Diagnostics
}

// instance is one instance of a resource, or a record whose block is gone (res is nil then).
type instance struct {
	addr addr.Instance
	res  *resource
	each cty.Value // each.value; NilVal without for_each

	config cty.Value // decoded early because it depends on no resource; NilVal otherwise
	order  providers.Order
	deps   []addr.Instance // direct dependencies in the order of applying; NoKey means every instance
	eval   []addr.Instance // direct dependencies in the order of evaluating

	value cty.Value // what references see: planned, then applied
}

// record is a record of the state with its value decoded.
type record struct {
	*state.Record
	sealed sealed.Value
	live   cty.Value // after refreshing; may carry marks; null when the object is gone
	// private is what the provider knows of the live object.
	private    []byte
	unresolved bool
	failed     bool // could not be read: the record stays in force
}

type local struct {
	cfg   *config.Local
	refs  []lang.Reference
	nodes []lang.Reference // resources and data that it depends on, through other locals too
	value cty.Value
	diags hcl.Diagnostics // of the static evaluation
	late  sync.Once       // evaluates value while applying
}

type output struct {
	cfg  *config.Output
	refs []lang.Reference
}

// world resolves the configuration against the registry. It does no I/O besides reading files that expressions name.
func (e *Engine) world(c *config.Config, in Inputs, snap *state.Snapshot, offline bool) (*world, hcl.Diagnostics) {
	w := &world{
		engine: e, config: c, snapshot: snap, offline: offline, identity: snap.Identity,
		resources: map[addr.Resource]*resource{}, locals: map[string]*local{}, outputs: map[string]*output{},
		providers: map[string]*provider{}, records: map[addr.Instance]*record{},
	}
	if w.identity.Lineage == "" {
		w.identity = newIdentity()
	}
	now := e.options.Now()
	w.functions = lang.Functions(lang.FunctionOptions{BaseDir: c.Dir, Now: func() time.Time { return now }})
	w.module = c.Root
	ds := w.setVariables(in)
	w.path = cty.ObjectVal(map[string]cty.Value{
		"module": cty.StringVal("."), "root": cty.StringVal("."), "cwd": cty.StringVal(filepath.ToSlash(filepath.Clean(c.Dir))),
	})
	ds = append(ds, w.addBlocks()...)
	if ds.HasErrors() {
		return w, ds
	}
	ds = append(ds, w.checkReferences()...)
	if ds.HasErrors() {
		return w, ds
	}
	return w, append(ds, w.checkCycles()...)
}

// newIdentity makes the identity of a state that does not exist yet.
func newIdentity() state.Identity {
	var b [48]byte
	rand.Read(b[:]) // never fails: see crypto/rand
	return state.Identity{Lineage: hex.EncodeToString(b[:16]), Key: b[16:]}
}

func (w *world) setVariables(in Inputs) (ds hcl.Diagnostics) {
	vals := make(map[string]cty.Value, len(w.module.Variables))
	for name, v := range w.module.Variables {
		val, ok := in.Variables[name]
		if !ok {
			val = cty.UnknownVal(v.Type)
			if v.Sensitive {
				val = val.Mark(schema.Sensitive)
			}
		}
		vals[name] = val
	}
	w.vars = cty.ObjectVal(vals)
	return ds
}

// addBlocks turns blocks into nodes and collects what they refer to.
func (w *world) addBlocks() (ds hcl.Diagnostics) {
	ds = unsupported(w.module)
	for _, l := range w.module.SortedLocals() {
		refs, more := lang.ExprReferences(l.Expr)
		ds = append(ds, more...)
		w.locals[l.Name] = &local{cfg: l, refs: refs}
	}
	for _, c := range w.module.SortedResources() {
		r, more := w.addResource(c)
		ds = append(ds, more...)
		if r != nil {
			w.resources[c.Addr] = r
			w.sorted = append(w.sorted, r)
		}
	}
	for _, o := range w.module.SortedOutputs() {
		out := &output{cfg: o}
		if o.Expr != nil {
			var more hcl.Diagnostics
			out.refs, more = lang.ExprReferences(o.Expr)
			ds = append(ds, more...)
		}
		more := w.ruleReferences(&out.refs, o.Preconditions)
		ds = append(ds, more...)
		w.outputs[o.Name] = out
	}
	return ds
}

// unsupported refuses the blocks that the loader understands and the engine does not yet.
func unsupported(m *config.Module) (ds hcl.Diagnostics) {
	refuse := func(what, hint string, at hcl.Range) {
		ds = append(ds, diag.Error(config.CodeUnsupported, "Unsupported block", fmt.Sprintf("Blocks of type %q are not supported. They are planned for a later release of meshplan. Until then %s",
			what, hint), &at))
	}
	for _, c := range m.SortedCalls() {
		refuse("module", "declare the resources in this directory.", c.DeclRange)
	}
	for _, c := range m.SortedChecks() {
		refuse("check", "use a precondition or postcondition of a resource, or a linkerd_gate.", c.DeclRange)
	}
	for _, b := range m.Moved {
		refuse("moved", "use \"meshplan state mv\".", b.DeclRange)
	}
	for _, b := range m.Imports {
		refuse("import", "set on_exists = \"adopt\" on the resource.", b.DeclRange)
	}
	for _, b := range m.Removed {
		refuse("removed", "use \"meshplan state rm\", and then delete the resource block.", b.DeclRange)
	}
	return ds
}

func (w *world) addResource(c *config.Resource) (*resource, hcl.Diagnostics) {
	prov, ds := w.provider(c.Provider, &c.ProviderRange)
	if prov == nil {
		return nil, ds
	}
	r := &resource{addr: c.Addr, cfg: c, prov: prov, inverted: map[addr.Resource]bool{}}
	r.base.resource = r
	switch c.Addr.Mode {
	case addr.Managed:
		if t, ok := prov.types()[c.Addr.Type]; ok {
			r.typ, r.schema = t, t.Schema()
		}
	case addr.Data:
		if t, ok := prov.sources()[c.Addr.Type]; ok {
			r.source, r.schema = t, t.Schema()
		}
	}
	if r.schema == nil {
		return nil, append(ds, prov.unknownType(c))
	}
	if c.Lifecycle.CreateBeforeDestroy {
		ds = append(ds, diag.Error(config.CodeUnsupported, "Unsupported lifecycle setting",
			"create_before_destroy is not supported by this version: names in a cluster are unique, so the old object is deleted first. Remove this setting.", &c.Lifecycle.Range))
	}
	add := func(into *[]lang.Reference, e hcl.Expression) {
		if e == nil {
			return
		}
		refs, more := lang.ExprReferences(e)
		*into = append(*into, refs...)
		ds = append(ds, more...)
	}
	add(&r.keyRefs, c.Count)
	add(&r.keyRefs, c.ForEach)
	add(&r.keyRefs, c.Enabled)
	refs, more := lang.BodyReferences(c.Body, &r.schema.Block)
	ds = append(ds, more...)
	r.refs = refs
	ds = append(ds, w.ruleReferences(&r.refs, c.Lifecycle.Preconditions)...)
	ds = append(ds, w.ruleReferences(&r.refs, c.Lifecycle.Postconditions)...)
	for _, e := range c.Lifecycle.ReplaceTriggeredBy {
		add(&r.refs, e)
	}
	for _, inv := range r.schema.Inverts {
		inner, _ := lang.ParseReferences(r.schema.Block.VariablesOf(c.Body, inv.Attribute))
		for _, ref := range inner {
			if ref.Kind == lang.RefResource && ref.Resource.Type == inv.Type {
				r.inverted[ref.Resource] = true
			}
		}
	}
	return r, ds
}

func (w *world) ruleReferences(into *[]lang.Reference, rules []*config.CheckRule) (ds hcl.Diagnostics) {
	for _, rule := range rules {
		for _, e := range []hcl.Expression{rule.Condition, rule.ErrorMessage} {
			if e == nil {
				continue
			}
			refs, more := lang.ExprReferences(e)
			*into = append(*into, refs...)
			ds = append(ds, more...)
		}
	}
	return ds
}

// readRecords decodes the snapshot's records. It costs O(records).
func (w *world) readRecords(ctx context.Context) hcl.Diagnostics {
	for _, rec := range w.snapshot.Records {
		r, err := w.record(rec)
		if err != nil {
			return diag.FromError(CodeState, "State cannot be read", err, nil)
		}
		w.records[rec.Addr] = r
	}
	return nil
}

func (w *world) record(rec *state.Record) (*record, error) {
	v, err := w.decoder.Decode(rec.Value)
	if err != nil {
		return nil, err
	}
	return &record{Record: rec, sealed: v, live: v.Plain, private: rec.Private}, nil
}
