package mesh

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
)

// spec is the configuration of a linkerd_injection in Go terms.
type spec struct {
	namespace string
	workloads []string // nil means the whole namespace
	// annotations are the injection mode and the settings, by full key.
	annotations  map[string]string
	order        [][]string
	calls        map[string][]string
	parallel     int
	proxyVersion string
	force        bool
	timeout      time.Duration
}

// specOf reads a value of the schema's type. known is false when a part that decides what is to be done is unknown.
func specOf(v cty.Value) (s spec, known bool) {
	for _, name := range []string{"namespace", "workloads", "mode", "config", "order", "depends_on_workloads", "max_parallel", "proxy_version", "conflicts", "gate"} {
		if !v.GetAttr(name).IsWhollyKnown() {
			return s, false
		}
	}
	s = spec{
		namespace: schema.Text(v.GetAttr("namespace")), workloads: schema.Texts(v.GetAttr("workloads")), annotations: map[string]string{},
		calls: map[string][]string{}, parallel: 2, proxyVersion: schema.Text(v.GetAttr("proxy_version")),
		force: schema.Text(v.GetAttr("conflicts")) == "force", timeout: 10 * time.Minute,
	}
	if mode := schema.Text(v.GetAttr("mode")); mode != "" {
		s.annotations[InjectAnnotation] = mode
	}
	if m := v.GetAttr("config"); !m.IsNull() {
		for key, value := range m.AsValueMap() {
			s.annotations[configKey(key)] = schema.Text(value)
		}
	}
	if l := v.GetAttr("order"); !l.IsNull() {
		for _, wave := range l.AsValueSlice() {
			s.order = append(s.order, schema.Texts(wave))
		}
	}
	if m := v.GetAttr("depends_on_workloads"); !m.IsNull() {
		for name, called := range m.AsValueMap() {
			s.calls[name] = schema.Texts(called)
		}
	}
	if n := v.GetAttr("max_parallel"); !n.IsNull() {
		i, _ := n.AsBigFloat().Int64()
		s.parallel = int(i)
	}
	if g := v.GetAttr("gate"); !g.IsNull() {
		if d, err := time.ParseDuration(schema.Text(g.GetAttr("timeout"))); err == nil {
			s.timeout = d
		}
	}
	return s, true
}

// want completes what the control plane wants of a pod with what this resource wants.
func (s *spec) want(w Want, before *spec) Want {
	w.Annotations = s.annotations
	if s.proxyVersion != "" {
		w.Version = s.proxyVersion
	}
	if before != nil {
		for _, key := range slices.Sorted(maps.Keys(before.annotations)) {
			if _, ok := s.annotations[key]; !ok {
				w.Absent = append(w.Absent, key)
			}
		}
	}
	return w
}

// waves resolves names and puts the workloads in order. Names that mean nothing come back, each with the reason.
func (s *spec) waves(names []string) (out [][]string, unknown []string) {
	find := func(list []string) []string {
		var found []string
		for _, n := range list {
			w, err := resolve(n, names)
			if err != nil {
				unknown = append(unknown, err.Error())
				continue
			}
			found = append(found, w)
		}
		return found
	}
	var order [][]string
	for _, wave := range s.order {
		order = append(order, find(wave))
	}
	calls := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(s.calls)) {
		for _, w := range find([]string{name}) {
			calls[w] = find(s.calls[name])
		}
	}
	slices.Sort(unknown)
	return waves(names, order, calls, s.parallel), slices.Compact(unknown)
}

// manager is the field manager of one instance: no two instances share annotations.
func manager(o providers.Owner) string {
	sum := sha256.Sum256([]byte(o.Lineage + "\x00" + o.Address.String()))
	return "meshplan/" + hex.EncodeToString(sum[:6])
}

// computed are the attributes that only the provider sets.
type computed struct {
	states []State // in order of name, opted-out ones left out
	waves  [][]string
}

// value fills the computed attributes into a configuration.
func (c computed) value(config cty.Value) cty.Value {
	attrs := config.AsValueMap()
	status := map[string]cty.Value{}
	proved := 0
	for i := range c.states {
		s := &c.states[i]
		if s.Proved() {
			proved++
		}
		version := cty.NullVal(cty.String)
		if s.Version != "" {
			version = cty.StringVal(s.Version)
		}
		status[s.Name] = cty.ObjectVal(map[string]cty.Value{
			"meshed": cty.BoolVal(s.Proved()), "pods": cty.NumberIntVal(int64(s.Meshed)), "proxy_version": version,
		})
	}
	attrs["meshed"] = cty.StringVal(fmt.Sprintf("%d/%d", proved, len(c.states)))
	attrs["status"] = cty.MapValEmpty(statusType())
	if len(status) > 0 {
		attrs["status"] = cty.MapVal(status)
	}
	list := make([]cty.Value, 0, len(c.waves))
	for _, wave := range c.waves {
		list = append(list, stringList(wave))
	}
	attrs["waves"] = cty.ListValEmpty(cty.List(cty.String))
	if len(list) > 0 {
		attrs["waves"] = cty.ListVal(list)
	}
	return cty.ObjectVal(attrs)
}

// unknownComputed leaves the computed attributes to Apply.
func unknownComputed(config cty.Value) cty.Value {
	attrs := config.AsValueMap()
	attrs["meshed"] = cty.UnknownVal(cty.String)
	attrs["status"] = cty.UnknownVal(cty.Map(statusType()))
	attrs["waves"] = cty.UnknownVal(cty.List(cty.List(cty.String)))
	return cty.ObjectVal(attrs)
}

func stringList(list []string) cty.Value {
	if len(list) == 0 {
		return cty.ListValEmpty(cty.String)
	}
	out := make([]cty.Value, len(list))
	for i, s := range list {
		out[i] = cty.StringVal(s)
	}
	return cty.ListVal(out)
}
