package engine

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"path/filepath"
	"slices"
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
	worldOptions
	engine   *Engine
	config   *config.Config
	root     *module
	modules  []*module // the root first, callers before the called
	moduleAt map[addr.Module]*module
	cwd      string
	facts    cty.Value // the object `meshplan`
	identity state.Identity
	snapshot *state.Snapshot
	applying bool // values are evaluated at their first use: all that they depend on has been applied then
	underWay bool // another run is at work: its intents are no riddle

	functions     map[string]map[string]function.Function // by directory
	resources     map[addr.Resource]*resource
	byModule      map[addr.Module][]*resource // sorted
	sorted        []*resource                 // by address
	referredFirst []*resource                 // the same, each after those that it refers to
	checks        []*check
	checkAt       map[node]*check
	outputs       map[string]*named // of the root
	providers     map[string]*provider
	records       map[addr.Instance]*record
	deposed       map[addr.Instance][]addr.Instance // former objects by the address of the present one
	moved         map[addr.Instance]addr.Instance   // where records go, by where they are stored
	decoder       sealed.Decoder
	encoder       sealed.Encoder
}

// resource is a `resource` or `data` block in one instance of a module.
type resource struct {
	repetition
	addr   addr.Resource
	cfg    *config.Resource
	schema *schema.Resource
	typ    providers.ResourceType // nil for data sources
	source providers.DataSource   // nil for managed resources
	prov   *provider
	check  *check // the one that it belongs to, if any

	refs      []ref // of the body and of conditions
	depends   []ref // depends_on, those of the calls around it included
	inverted  map[addr.Resource]bool
	usesNodes bool // refers to resources or data, directly or through values
	sketched  bool // others need sketches of its instances

	expanded   bool
	instances  []*instance // sorted by key
	byKey      map[addr.Key]*instance
	whole      wholeValue
	base       baseScope
	eachLate   bool                 // each.value depends on resources
	eachSketch map[string]cty.Value // each.value by key as sketches give it, while the order is asked for
	eachOnce   sync.Once            // evaluates for_each again when these are known
	eachDiags  hcl.Diagnostics
}

// instance is one instance of a resource, or a record whose block is gone (res is nil then).
type instance struct {
	addr addr.Instance
	res  *resource
	each cty.Value // each.value; NilVal without for_each

	config   cty.Value // decoded early because it depends on no resource; NilVal otherwise
	order    providers.Order
	sketched cty.Value       // what its own block says, while the order is asked for
	deps     []addr.Instance // direct dependencies in the order of applying; NoKey means every instance
	eval     []addr.Instance // direct dependencies in the order of evaluating

	value cty.Value // what references see: planned, then applied
}

// record is a record of the state with its value decoded.
type record struct {
	*state.Record
	provider *provider // that manages it
	sealed   sealed.Value
	live     cty.Value // after refreshing; may carry marks; null when the object is gone
	// private is what the provider knows of the live object.
	private    []byte
	unresolved bool          // a write was begun whose outcome is unknown
	unnamed    bool          // that write may have made what the record does not name
	failed     bool          // could not be read: the record stays in force
	from       addr.Instance // where it is stored, when this plan moves it; zero otherwise
	relinked   bool          // its dependencies have moved
	marked     addr.Instance // the address whose mark the object may bear, since a move was begun and not completed
	imported   string        // the id under which it was found: it is not recorded yet
}

// worldOptions say what a world is for.
type worldOptions struct {
	offline bool
	lenient bool // what cannot be known without inputs and resources is no error
	sampled bool // of a resource with many instances only some are looked at
}

// sample is how many instances of a resource a look at the configuration alone considers: the rest is the same block with other
// keys, and a plan looks at all of them.
const sample = 100

// world resolves the configuration against the registry. It does no I/O besides reading files that expressions name.
func (e *Engine) world(c *config.Config, in Inputs, snap *state.Snapshot, o worldOptions) (*world, hcl.Diagnostics) {
	w := &world{
		engine: e, config: c, snapshot: snap, worldOptions: o, identity: snap.Identity, cwd: filepath.ToSlash(filepath.Clean(c.Dir)),
		functions: map[string]map[string]function.Function{}, moduleAt: map[addr.Module]*module{}, resources: map[addr.Resource]*resource{},
		byModule: map[addr.Module][]*resource{}, checkAt: map[node]*check{}, providers: map[string]*provider{}, records: map[addr.Instance]*record{},
	}
	if w.identity.Lineage == "" {
		w.identity = newIdentity()
	}
	w.facts = cty.ObjectVal(map[string]cty.Value{"version": cty.StringVal(e.options.Version)})
	w.root = w.newModule(c.Root, nil, addr.NoKey)
	ds := w.addModule(w.root)
	w.setVariables(in)
	w.outputs = w.root.outputs
	if ds.HasErrors() {
		return w, ds
	}
	ds = append(ds, w.expandModules()...)
	for _, m := range w.modules {
		w.moduleAt[m.path] = m
	}
	ds = append(ds, w.addBlocks()...)
	if ds.HasErrors() {
		return w, ds
	}
	ds = append(ds, w.checkReferences()...)
	if ds.HasErrors() {
		return w, ds
	}
	ds = append(ds, w.checkCycles()...)
	if ds.HasErrors() {
		return w, ds
	}
	for _, m := range w.modules {
		for _, name := range sortedStrings(m.calls) {
			ds = append(ds, m.calls[name].ds...)
		}
	}
	return w, ds
}

// newIdentity makes the identity of a state that does not exist yet.
func newIdentity() state.Identity {
	var b [48]byte
	rand.Read(b[:]) // never fails: see crypto/rand
	return state.Identity{Lineage: hex.EncodeToString(b[:16]), Key: b[16:]}
}

// setVariables gives the root's variables their values. One that is missing is unknown.
func (w *world) setVariables(in Inputs) {
	for name, n := range w.root.vars {
		v, ok := in.Variables[name]
		if !ok {
			v = cty.UnknownVal(n.variable.Type)
			if n.variable.Sensitive {
				v = v.Mark(schema.Sensitive)
			}
		}
		n.value = v
	}
}

// functionsFor returns the functions for expressions of a directory's module. Files may be read from there and from
// the root's directory.
func (w *world) functionsFor(dir string) map[string]function.Function {
	if w.functions[dir] == nil {
		now := w.engine.options.Now()
		w.functions[dir] = lang.Functions(lang.FunctionOptions{
			BaseDir: w.config.Dir, AlsoBelow: []string{filepath.Join(w.config.Dir, filepath.FromSlash(dir))}, Now: func() time.Time { return now },
		})
	}
	return w.functions[dir]
}

// addBlocks turns resources, data sources and checks into nodes and collects what they refer to.
func (w *world) addBlocks() (ds hcl.Diagnostics) {
	cache := map[*config.Resource]*blockRefs{}
	for _, m := range w.modules {
		ds = append(ds, w.unknownProviders(m)...)
		for _, c := range m.cfg.SortedResources() {
			_, more := w.addResource(m, c, cache)
			ds = append(ds, more...)
		}
		for _, name := range sortedStrings(m.cfg.Checks) {
			ds = append(ds, w.addCheck(m, m.cfg.Checks[name], cache)...)
		}
	}
	slices.SortFunc(w.sorted, func(a, b *resource) int { return addr.CompareResource(a.addr, b.addr) })
	for _, r := range w.sorted {
		w.byModule[r.addr.Module] = append(w.byModule[r.addr.Module], r)
	}
	return ds
}

// blockRefs are the references of a block, relative to its module: the same for every instance of that.
type blockRefs struct {
	body, keys []lang.Reference
	inverted   []addr.Resource
	ds         hcl.Diagnostics
}

func (r *resource) readRefs() *blockRefs {
	c, out := r.cfg, &blockRefs{}
	m := &module{} // references stay relative
	for _, e := range m.references(&out.ds, c.Count, c.ForEach, c.Enabled) {
		out.keys = append(out.keys, e.Reference)
	}
	var ds hcl.Diagnostics
	out.body, ds = lang.BodyReferences(c.Body, &r.schema.Block)
	out.ds = append(append(out.ds, ds...), ignoredPaths(c, &r.schema.Block)...)
	more := m.ruleReferences(&out.ds, c.Lifecycle.Preconditions)
	more = append(more, m.ruleReferences(&out.ds, c.Lifecycle.Postconditions)...)
	more = append(more, m.references(&out.ds, c.Lifecycle.ReplaceTriggeredBy...)...)
	for _, e := range more {
		out.body = append(out.body, e.Reference)
	}
	for _, inv := range r.schema.Inverts {
		inner, _ := lang.ParseReferences(r.schema.Block.VariablesOf(c.Body, inv.Attribute))
		for _, ref := range inner {
			if ref.Kind == lang.RefResource && ref.Resource.Type == inv.Type {
				out.inverted = append(out.inverted, ref.Resource)
			}
		}
	}
	return out
}

// addResource registers a block for one instance of its module. The result is nil when its type is not known.
func (w *world) addResource(m *module, c *config.Resource, cache map[*config.Resource]*blockRefs) (*resource, hcl.Diagnostics) {
	prov, ds := w.provider(m, c.Provider, &c.ProviderRange)
	if prov == nil {
		return nil, ds
	}
	r := &resource{addr: c.Addr, cfg: c, prov: prov, inverted: map[addr.Resource]bool{}}
	r.addr.Module = m.path
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
	refs := cache[c]
	if refs == nil {
		refs = r.readRefs()
		cache[c] = refs
	}
	ds = append(ds, refs.ds...)
	r.repetition = repetition{what: r.addr.String(), in: m, count: c.Count, forEach: c.ForEach, enabled: c.Enabled, refs: m.place(refs.keys)}
	r.refs = m.place(refs.body)
	r.depends = append(slices.Clone(m.after), m.place(c.DependsOn)...)
	for _, to := range refs.inverted {
		to.Module = m.path
		r.inverted[to] = true
	}
	w.resources[r.addr] = r
	w.sorted = append(w.sorted, r)
	return r, ds
}

// ruleReferences returns what conditions and their messages refer to.
func (m *module) ruleReferences(ds *hcl.Diagnostics, rules []*config.CheckRule) (out []ref) {
	for _, rule := range rules {
		out = append(out, m.references(ds, rule.Condition, rule.ErrorMessage)...)
	}
	return out
}

// readRecords decodes the snapshot's records. It costs O(records).
func (w *world) readRecords(ctx context.Context) hcl.Diagnostics {
	list := w.snapshot.Records
	found, errs := make([]*record, len(list)), make([]error, len(list))
	inParallel(len(list), func(i int) { found[i], errs[i] = w.record(list[i]) })
	for i, r := range found {
		if errs[i] != nil {
			return diag.FromError(CodeState, "State cannot be read", errs[i], nil)
		}
		w.records[list[i].Addr] = r
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
