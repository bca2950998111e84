package memory

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
)

const (
	// CodeFault: an operation failed because a test asked for it.
	CodeFault diag.Code = "memory.fault"
	// CodeExists: an object of that name belongs to somebody else.
	CodeExists diag.Code = "memory.exists"
	// CodeMissing: there is no object of that name.
	CodeMissing diag.Code = "memory.not-found"
)

// object is the resource type memory_object.
type object struct {
	world  *World
	schema *schema.Resource
}

func objectSchema() *schema.Resource {
	tags := func(text string) *schema.Attribute {
		return &schema.Attribute{Type: cty.Set(cty.String), Optional: true, Description: text}
	}
	return &schema.Resource{
		Summary:     "An object in memory",
		Description: "Keeps any value under a name. It exists for tests and for trying meshplan out without a cluster.",
		Example:     "resource \"memory_object\" \"greeting\" {\n  name  = \"greeting\"\n  input = { text = \"hello\" }\n}\n",
		Import:      "the name of the object",
		Inverts:     []schema.Inversion{{Attribute: "guards", Type: "memory_object"}},
		Coexist: func(before, after cty.Value) string {
			was, is := before.GetAttr("name"), after.GetAttr("name")
			if !was.IsKnown() || !is.IsKnown() || !was.RawEquals(is) {
				return ""
			}
			return fmt.Sprintf("both are called %q, and names are unique in a world", is.AsString())
		},
		Block: schema.Block{Attributes: map[string]*schema.Attribute{
			"name":     {Type: cty.String, Required: true, Replace: true, Description: "Name of the object, unique in its world."},
			"input":    {Type: cty.DynamicPseudoType, Optional: true, Description: "Any value."},
			"secret":   {Type: cty.String, Optional: true, Sensitive: true, Description: "A value that is never shown."},
			"guards":   {Type: cty.String, Optional: true, Description: "Name of an object that must come after this one."},
			"one_way":  {Type: cty.Bool, Optional: true, Default: cty.False, Description: "Whether a rollback has to leave changes as they are."},
			"provides": tags("Tags that this object provides."),
			"after":    tags("Tags that this object comes after."),
			"before":   tags("Tags that this object comes before."),
			"id":       {Type: cty.String, Computed: true, NeverNull: true, Description: "Identity that the world gave to the object."},
		}},
	}
}

func (t *object) Schema() *schema.Resource { return t.schema }

func (t *object) Order(config cty.Value) providers.Order {
	list := func(name string) (out []providers.Tag) {
		v := config.GetAttr(name)
		if v.IsNull() || !v.IsWhollyKnown() {
			return nil
		}
		for _, s := range v.AsValueSlice() {
			out = append(out, providers.Tag("memory:"+s.AsString()))
		}
		return out
	}
	return providers.Order{Provides: list("provides"), After: list("after"), Before: list("before")}
}

func (t *object) Reverse(before, after cty.Value) providers.Reversal {
	for _, v := range []cty.Value{before, after} {
		if !v.IsNull() && v.GetAttr("one_way").IsKnown() && v.GetAttr("one_way").RawEquals(cty.True) {
			return providers.Reversal{Undo: providers.Irreversible, Reason: "the object is one-way"}
		}
	}
	return providers.Reversal{Undo: providers.Restore}
}

func owner(o providers.Owner) string { return o.Lineage + "/" + o.Address.String() }

// owns reports whether an object carries the owner's mark, or that of the address which it moves away from.
func owns(o providers.Owner, mark string) bool {
	return mark == owner(o) || !o.Former.IsZero() && mark == o.Lineage+"/"+o.Former.String()
}

func (t *object) Plan(_ context.Context, req providers.PlanRequest) (providers.PlanResponse, hcl.Diagnostics) {
	if req.Config.IsNull() {
		return providers.PlanResponse{Planned: req.Config}, nil
	}
	resp := providers.PlanResponse{Planned: req.Proposed}
	name := req.Config.GetAttr("name")
	if !name.IsKnown() {
		return resp, nil
	}
	if err := t.world.check("plan", name.AsString()); err != nil {
		return resp, hcl.Diagnostics{diag.Errorf(CodeFault, "Fault", "%s.", err)}
	}
	if o, ok := t.world.get(name.AsString()); ok && req.Prior.IsNull() && !req.Replacing && !req.Offline {
		if !owns(req.Owner, o.Owner) {
			return resp, hcl.Diagnostics{diag.At(diag.Errorf(CodeExists, "Object exists", "There is an object %q that belongs to %s.", name.AsString(), o.Owner), cty.GetAttrPath("name"))}
		}
		attrs := req.Proposed.AsValueMap()
		attrs["id"] = cty.StringVal(o.ID)
		resp.Planned = cty.ObjectVal(attrs)
		attrs["input"] = decode(o.Input)
		resp.Adopted = cty.ObjectVal(attrs)
	}
	return resp, nil
}

func (t *object) Apply(ctx context.Context, req providers.ApplyRequest) (providers.ApplyResponse, hcl.Diagnostics) {
	fault := func(err error) hcl.Diagnostics {
		return hcl.Diagnostics{diag.Errorf(CodeFault, "Fault", "%s.", err)}
	}
	if req.Deleting() {
		_, err := t.world.write("delete", req.Prior.GetAttr("name").AsString(), func(o Object) (Object, bool) { return o, false })
		if err != nil {
			return providers.ApplyResponse{Value: req.Prior}, fault(err)
		}
		return providers.ApplyResponse{Value: cty.NullVal(req.Prior.Type())}, nil
	}
	op := "update"
	if req.Creating() {
		op = "create"
	}
	name := req.Config.GetAttr("name").AsString()
	foreign, missing := false, false
	o, err := t.world.write(op, name, func(o Object) (Object, bool) {
		if missing = op == "update" && o.ID == ""; missing {
			return o, false
		}
		same := !req.Prior.IsNull() && req.Prior.GetAttr("id").RawEquals(cty.StringVal(o.ID)) // imported
		if o.Owner != "" && !owns(req.Owner, o.Owner) && !same {
			foreign = true
			return o, true
		}
		o.Owner, o.Input = owner(req.Owner), encode(req.Config.GetAttr("input"))
		o.Secret = ""
		if s := req.Config.GetAttr("secret"); !s.IsNull() {
			o.Secret = s.AsString()
		}
		return o, true
	})
	if missing {
		return providers.ApplyResponse{}, hcl.Diagnostics{diag.Errorf(CodeMissing, "No such object", "There is no object %q any more that could be updated. Plan again to make it anew.", name)}
	}
	if foreign {
		return providers.ApplyResponse{}, hcl.Diagnostics{diag.Errorf(CodeExists, "Object exists", "There is an object %q that belongs to somebody else.", name)}
	}
	if err != nil {
		return providers.ApplyResponse{}, fault(err)
	}
	attrs := req.Planned.AsValueMap()
	attrs["id"] = cty.StringVal(o.ID)
	v := cty.ObjectVal(attrs)
	if wait := t.world.waiter(); wait != nil {
		if err := req.Step.Checkpoint(v, nil); err != nil {
			return providers.ApplyResponse{Value: v}, fault(err)
		}
		req.Step.Release()
		if err := wait(ctx, name); err != nil {
			return providers.ApplyResponse{Value: v}, fault(err)
		}
	}
	return providers.ApplyResponse{Value: v}, nil
}

// another reports whether the recorded object has gone and somebody else has made one of the same name.
func another(req providers.ReadRequest, o Object) bool {
	id := req.Value.GetAttr("id")
	return !owns(req.Owner, o.Owner) && id.IsKnown() && !id.IsNull() && id.AsString() != o.ID
}

func (t *object) Read(_ context.Context, reqs []providers.ReadRequest) ([]providers.ReadResponse, hcl.Diagnostics) {
	out := make([]providers.ReadResponse, len(reqs))
	for n, req := range reqs {
		name := req.Value.GetAttr("name").AsString()
		if err := t.world.check("read", name); err != nil {
			out[n].Diagnostics = hcl.Diagnostics{diag.Errorf(CodeFault, "Fault", "%s.", err)}
			continue
		}
		o, ok := t.world.get(name)
		if !ok || req.Unresolved && !owns(req.Owner, o.Owner) || another(req, o) {
			out[n].Value = cty.NullVal(req.Value.Type())
			continue
		}
		attrs := req.Value.AsValueMap()
		if encode(attrs["input"]) != o.Input {
			attrs["input"] = decode(o.Input)
		}
		attrs["id"] = cty.StringVal(o.ID)
		if o.Secret != "" {
			attrs["secret"] = cty.StringVal(o.Secret).Mark(schema.Sensitive)
		}
		out[n].Value = cty.ObjectVal(attrs)
	}
	return out, nil
}

// Claim implements providers.Claimer.
func (t *object) Claim(_ context.Context, req providers.ClaimRequest) (providers.ClaimResponse, hcl.Diagnostics) {
	name := req.Value.GetAttr("name").AsString()
	_, err := t.world.write("claim", name, func(o Object) (Object, bool) {
		o.Owner = owner(req.Owner)
		return o, o.ID != ""
	})
	if err != nil {
		return providers.ClaimResponse{}, hcl.Diagnostics{diag.Errorf(CodeFault, "Fault", "%s.", err)}
	}
	return providers.ClaimResponse{Private: req.Private}, nil
}

// Import implements providers.Importer: the id is the object's name.
func (t *object) Import(_ context.Context, _ providers.Owner, id string) (providers.ReadResponse, hcl.Diagnostics) {
	o, ok := t.world.get(id)
	if !ok {
		return providers.ReadResponse{Value: t.schema.Block.Null()}, nil
	}
	attrs := map[string]cty.Value{}
	for name, a := range t.schema.Block.Attributes {
		attrs[name] = cty.NullVal(a.Type)
		if a.Default != cty.NilVal {
			attrs[name] = a.Default
		}
	}
	attrs["name"], attrs["id"], attrs["input"] = cty.StringVal(id), cty.StringVal(o.ID), decode(o.Input)
	if o.Secret != "" {
		attrs["secret"] = cty.StringVal(o.Secret).Mark(schema.Sensitive)
	}
	return providers.ReadResponse{Value: cty.ObjectVal(attrs)}, nil
}

// Names implements providers.Namer.
func (t *object) Names(id string, value cty.Value) bool {
	name := value.GetAttr("name")
	return name.IsKnown() && !name.IsNull() && name.AsString() == id
}

// encode and decode keep a value together with its type.
func encode(v cty.Value) string {
	if v == cty.NilVal || !v.IsWhollyKnown() {
		return ""
	}
	b, err := ctyjson.Marshal(v, cty.DynamicPseudoType)
	if err != nil {
		return fmt.Sprintf("%q", err.Error())
	}
	return string(b)
}

func decode(s string) cty.Value {
	if s == "" || !json.Valid([]byte(s)) {
		return cty.NullVal(cty.DynamicPseudoType)
	}
	v, err := ctyjson.Unmarshal([]byte(s), cty.DynamicPseudoType)
	if err != nil {
		return cty.NullVal(cty.DynamicPseudoType)
	}
	return v
}

// lookup is the data source memory_object.
type lookup struct {
	world  *World
	schema *schema.Resource
}

func lookupSchema() *schema.Resource {
	return &schema.Resource{
		Summary:     "Reads an object in memory",
		Description: "Reads the value of an object by its name.",
		Example:     "data \"memory_object\" \"greeting\" {\n  name = \"greeting\"\n}\n",
		Block: schema.Block{Attributes: map[string]*schema.Attribute{
			"name":  {Type: cty.String, Required: true, Description: "Name of the object."},
			"input": {Type: cty.DynamicPseudoType, Computed: true, Description: "Its value."},
			"id":    {Type: cty.String, Computed: true, Description: "Its identity."},
		}},
	}
}

func (t *lookup) Schema() *schema.Resource { return t.schema }

func (t *lookup) Read(_ context.Context, req providers.DataRequest) (cty.Value, hcl.Diagnostics) {
	name := req.Config.GetAttr("name").AsString()
	o, ok := t.world.get(name)
	if !ok {
		return cty.NilVal, hcl.Diagnostics{diag.At(diag.Errorf(CodeMissing, "No such object", "There is no object %q.", name), cty.GetAttrPath("name"))}
	}
	return cty.ObjectVal(map[string]cty.Value{"name": cty.StringVal(name), "input": decode(o.Input), "id": cty.StringVal(o.ID)}), nil
}
