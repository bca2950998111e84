package kubernetes

import (
	"encoding/base64"
	"encoding/json"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// secretForm writes a Secret down by its data in clear text, which never leaves memory.
type secretForm struct{}

func newSecret(cluster func() *kube.Cluster) providers.ResourceType {
	return &secret{single{form: secretForm{}, cluster: cluster, schema: &schema.Resource{
		Coexist: coexists(secretForm{}),
		Import:  importSecret,
		Summary: "A Secret whose data is written and never shown",
		Description: `Makes a Secret. The data goes to the cluster and nowhere else: state, plans and logs hold keyed fingerprints, which are enough to see that a
value changed, here or in the cluster. Keys that others add are left alone.`,
		Example: `variable "password" {
  type      = string
  sensitive = true
}

resource "kubernetes_secret" "db" {
  name      = "db"
  namespace = "shop"

  data = {
    username = "shop"
    password = var.password
  }
}`,
		Block: schema.Block{Attributes: with(optionAttributes(), map[string]*schema.Attribute{
			"name":        {Type: cty.String, Required: true, Replace: true, Description: "Name of the Secret."},
			"namespace":   {Type: cty.String, Required: true, Replace: true, Description: "Namespace of the Secret."},
			"type":        {Type: cty.String, Optional: true, Replace: true, Default: cty.StringVal("Opaque"), Description: "Type of the Secret, for instance `kubernetes.io/tls`."},
			"data":        {Type: cty.Map(cty.String), Optional: true, Sensitive: true, Description: "The data in clear text; it is encoded on its way. `filebase64` is not needed."},
			"labels":      {Type: cty.Map(cty.String), Optional: true, Description: "Labels to set. Others are left alone."},
			"annotations": {Type: cty.Map(cty.String), Optional: true, Description: "Annotations to set. Others are left alone."},
			"immutable":   {Type: cty.Bool, Optional: true, Default: cty.False, Description: "Whether the data can never change: a change of it makes a new object."},
		})},
	}}}
}

// secret is kubernetes_secret.
type secret struct{ single }

func (secretForm) desired(v cty.Value) (kube.Desired, hcl.Diagnostics) {
	d := named("v1", "Secret", v, []field{labelsField, annotationsField})
	if kind := v.GetAttr("type"); !kind.IsKnown() {
		d.Unknown = append(d.Unknown, kube.Path{"type"})
	} else if !kind.IsNull() {
		d.Object.Object["type"] = kind.AsString()
	}
	if fixed := v.GetAttr("immutable"); fixed.IsKnown() && !fixed.IsNull() && fixed.True() {
		d.Object.Object["immutable"] = true
	}
	data, _ := v.GetAttr("data").UnmarkDeep()
	switch {
	case data.IsNull():
		d.Null = append(d.Null, kube.Path{"data"})
	case !data.IsKnown():
		d.Unknown = append(d.Unknown, kube.Path{"data"})
	default:
		encoded := map[string]any{}
		for k, e := range data.AsValueMap() {
			switch {
			case !e.IsKnown():
				d.Unknown = append(d.Unknown, kube.Path{"data", k})
			case !e.IsNull():
				encoded[k] = base64.StdEncoding.EncodeToString([]byte(e.AsString()))
			}
		}
		d.Object.Object["data"] = encoded
	}
	return d, nil
}

func (secretForm) present(recorded cty.Value, drift []kube.Drift) cty.Value {
	out := take(recorded, drift, []field{labelsField, annotationsField})
	for _, d := range drift {
		switch {
		case d.Path.String() == "data":
			out = set(out, map[string]cty.Value{"data": decoded(d.Live)})
		case d.Path.String() == "type":
			kind, _ := d.Live.(string)
			out = set(out, map[string]cty.Value{"type": cty.StringVal(kind)})
		case d.Path[0] == "data" && len(d.Path) == 2: // an adopted object
			data := out.GetAttr("data")
			data, _ = data.UnmarkDeep()
			values := map[string]cty.Value{}
			if !data.IsNull() && data.IsKnown() {
				values = data.AsValueMap()
			}
			key, _ := d.Path[1].(string)
			delete(values, key)
			if text, ok := d.Live.(string); ok {
				values[key] = cty.StringVal(plain(text))
			}
			out = set(out, map[string]cty.Value{"data": mapOf(values)})
		}
	}
	return out
}

func (secretForm) computed(kube.Ref) map[string]cty.Value                 { return map[string]cty.Value{} }
func (secretForm) options(v cty.Value, _ providers.Owner) kube.SetOptions { return optionsOf(v) }
func (secretForm) body() []string                                         { return []string{"data", "labels", "annotations", "type"} }
func (secretForm) identity() cty.Path                                     { return cty.GetAttrPath("name") }

func (secretForm) protect(v cty.Value) cty.Value {
	if v.IsNull() || !v.IsKnown() {
		return v
	}
	data := v.GetAttr("data")
	if data.IsMarked() || data.IsNull() {
		return v
	}
	return set(v, map[string]cty.Value{"data": data.Mark(schema.Sensitive)})
}

// sealed is what a Secret's Private holds: the record, in the same place as everywhere, and a keyed digest per key.
type sealed struct {
	kube.Record
	Data map[string]string `json:"data,omitempty"`
}

// seal implements sealer.
func (secretForm) seal(owner providers.Owner, v cty.Value, rec kube.Record) []byte {
	out := sealed{Record: rec, Data: map[string]string{}}
	data, _ := v.GetAttr("data").UnmarkDeep()
	if !data.IsNull() && data.IsKnown() {
		for k, e := range data.AsValueMap() {
			if e.IsKnown() && !e.IsNull() {
				out.Data[k] = kube.Digest(owner.Key, e.AsString())
			}
		}
	}
	return out.encode()
}

func (s sealed) encode() []byte {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // the type has no value that JSON cannot say
	}
	return text
}

// found implements reader: the live data is compared by digest, and is read only when it differs.
func (secretForm) found(req providers.ReadRequest, state kube.SetState) ([]kube.Drift, []byte) {
	var was sealed
	if json.Unmarshal(req.Private, &was) != nil {
		was = sealed{} // recordOf has reported it
	}
	o := state.Objects[0]
	next := sealed{Record: state.Record, Data: was.Data}
	var drift []kube.Drift
	for _, d := range o.Drift {
		if d.Path[0] != "data" {
			drift = append(drift, d)
		}
	}
	if o.Live == nil {
		return drift, next.encode()
	}
	live, _ := o.Live.Object["data"].(map[string]any)
	ours, same := map[string]any{}, true
	for k, want := range was.Data {
		text, ok := live[k].(string)
		if ok {
			ours[k] = text
		}
		same = same && ok && kube.Digest(req.Key, plain(text)) == want
	}
	switch {
	case was.Data == nil: // the outcome of the first write was lost
		drift = append(drift, kube.Drift{Path: kube.Path{"data"}, Live: live, Secret: true})
	case !same:
		drift = append(drift, kube.Drift{Path: kube.Path{"data"}, Live: ours, Secret: true})
	case len(drift) == 0 && len(next.Objects) > 0 && len(o.Drift) > 0:
		next.Objects[0].Dirty = false // our entry changed, the data did not
	}
	return drift, next.encode()
}

// plain decodes a field of data; what is not base64 stays as it is.
func plain(s string) string {
	out, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return s
	}
	return string(out)
}

func decoded(live any) cty.Value {
	values := map[string]cty.Value{}
	data, _ := live.(map[string]any)
	for k, e := range data {
		if s, ok := e.(string); ok {
			values[k] = cty.StringVal(plain(s))
		}
	}
	return mapOf(values)
}

func mapOf(values map[string]cty.Value) cty.Value {
	if len(values) == 0 {
		return cty.MapValEmpty(cty.String)
	}
	return cty.MapVal(values)
}

// Order implements providers.Orderer.
func (s *secret) Order(config cty.Value) providers.Order {
	if config.IsNull() || !config.IsKnown() {
		return providers.Order{}
	}
	o := providers.Order{Provides: []providers.Tag{ObjectTag("Secret", schema.Text(config.GetAttr("namespace")), schema.Text(config.GetAttr("name")))}}
	if n := schema.Text(config.GetAttr("namespace")); n != "" {
		o.After = []providers.Tag{NamespaceTag(n)}
	}
	return o
}
