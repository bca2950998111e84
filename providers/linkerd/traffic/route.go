package traffic

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/typed"
)

// This file holds what routes of all kinds have in common: parents, backends, and their place in the order.

// The kinds that a route can have as parent. Routes that know of requests may be about a Server as well.
var (
	requestParents = []string{"Service", "Server", "EgressNetwork"}
	streamParents  = []string{"Service", "EgressNetwork"}
)

func parentType() cty.Type {
	return cty.ObjectWithOptionalAttrs(map[string]cty.Type{"kind": cty.String, "name": cty.String, "namespace": cty.String, "port": cty.Number}, []string{"namespace", "port"})
}

func backendType() cty.Type {
	return cty.ObjectWithOptionalAttrs(map[string]cty.Type{"name": cty.String, "namespace": cty.String, "port": cty.Number, "weight": cty.Number}, []string{"namespace", "weight"})
}

func parentsAttribute(kinds []string) *schema.Attribute {
	return &schema.Attribute{Type: cty.List(parentType()), Required: true, Validate: checkParents(kinds),
		Description: "What the route attaches to: `kind` (" + strings.Join(kinds, " or ") + "), `name`, `namespace` (of a Service), and `port` (of a Service or EgressNetwork)."}
}

func backendsAttribute() *schema.Attribute {
	return &schema.Attribute{Type: cty.List(backendType()), Optional: true, Validate: checkBackends,
		Description: "Services that calls go to, by `weight` (default 1; 0 sends nothing): `name`, `port`, `namespace`."}
}

// checkParents checks parents of these kinds.
func checkParents(kinds []string) func(cty.Value) error {
	return func(v cty.Value) error {
		if n := v.LengthInt(); n == 0 || n > 32 {
			return fmt.Errorf("a route has between 1 and 32 parents")
		}
		for _, p := range v.AsValueSlice() {
			kind, port := schema.Text(p.GetAttr("kind")), p.GetAttr("port")
			switch {
			case kind == "Server" && !slices.Contains(kinds, kind):
				return fmt.Errorf("a Server cannot be a parent here: Linkerd's policies for inbound calls know HTTPRoutes and GRPCRoutes only")
			case !slices.Contains(kinds, kind):
				return fmt.Errorf("%q is not one of %s.%s", kind, strings.Join(kinds, ", "), diag.Suggest(kind, kinds))
			case kind == "Server" && (!port.IsNull() || !p.GetAttr("namespace").IsNull()):
				return fmt.Errorf("a Server as parent takes neither port nor namespace: Linkerd ignores a route that says them")
			case kind == "EgressNetwork" && port.IsNull():
				return fmt.Errorf("an EgressNetwork as parent needs a port")
			}
		}
		return nil
	}
}

func checkBackends(v cty.Value) error {
	total := int64(0)
	for _, b := range v.AsValueSlice() {
		if p := b.GetAttr("port"); p.IsNull() {
			return fmt.Errorf("backend %q needs the port of its Service", schema.Text(b.GetAttr("name")))
		}
		weight := int64(1)
		if w := b.GetAttr("weight"); !w.IsNull() && w.IsKnown() {
			if err := whole(0, 1000000)(w); err != nil {
				return fmt.Errorf("weight: %w", err)
			}
			weight, _ = w.AsBigFloat().Int64()
		}
		total += weight
	}
	if v.LengthInt() > 0 && total == 0 {
		return fmt.Errorf("all weights are 0, so that every request fails")
	}
	return nil
}

// parentRefs are the parents as the API has them.
func parentRefs(v cty.Value) []any {
	var refs []any
	for _, p := range v.GetAttr("parents").AsValueSlice() {
		kind := schema.Text(p.GetAttr("kind"))
		ref := map[string]any{"group": policyGroup, "kind": kind, "name": schema.Text(p.GetAttr("name"))}
		if kind == "Service" {
			ref["group"] = "core"
		}
		if ns := schema.Text(p.GetAttr("namespace")); ns != "" && ns != schema.Text(v.GetAttr("namespace")) {
			ref["namespace"] = ns
		}
		if n := p.GetAttr("port"); !n.IsNull() {
			ref["port"] = integer(n)
		}
		refs = append(refs, ref)
	}
	return refs
}

func readParent(m map[string]any) cty.Value {
	return cty.ObjectVal(map[string]cty.Value{"kind": text(m, "kind"), "name": text(m, "name"), "namespace": text(m, "namespace"), "port": number(m, "port")})
}

// backendRefs are backends as the API has them; none for null.
func backendRefs(list cty.Value) []any {
	if list.IsNull() {
		return nil
	}
	var out []any
	for _, b := range list.AsValueSlice() {
		ref := map[string]any{"group": "", "kind": "Service", "name": schema.Text(b.GetAttr("name")), "port": integer(b.GetAttr("port")), "weight": int64(1)}
		if w := b.GetAttr("weight"); !w.IsNull() {
			ref["weight"] = integer(w)
		}
		if ns := schema.Text(b.GetAttr("namespace")); ns != "" {
			ref["namespace"] = ns
		}
		out = append(out, ref)
	}
	return out
}

// readBackends shows the backends of a live rule.
func readBackends(rule map[string]any) cty.Value {
	backends := each(rule["backendRefs"], func(b map[string]any) cty.Value {
		return cty.ObjectVal(map[string]cty.Value{"name": text(b, "name"), "namespace": text(b, "namespace"), "port": number(b, "port"), "weight": number(b, "weight")})
	})
	if len(backends) == 0 {
		return cty.NullVal(cty.List(backendType().WithoutOptionalAttributesDeep()))
	}
	return cty.ListVal(backends)
}

// routeSpecOf builds the spec of a route with host names and blocks of rules.
func routeSpecOf(v cty.Value, rule func(cty.Value) map[string]any) map[string]any {
	spec := map[string]any{"parentRefs": parentRefs(v)}
	if hosts := schema.Texts(v.GetAttr("hostnames")); len(hosts) > 0 {
		spec["hostnames"] = anyTexts(hosts)
	}
	var rules []any
	if list := v.GetAttr("rule"); !list.IsNull() {
		for _, r := range list.AsValueSlice() {
			rules = append(rules, rule(r))
		}
	}
	if len(rules) > 0 {
		spec["rules"] = rules
	}
	return spec
}

// readRouteOf shows a live route with blocks of rules. What still says what was recorded keeps its recorded spelling.
func readRouteOf(live map[string]any, attrs map[string]cty.Value, spec func(cty.Value) map[string]any, rule func(map[string]any) cty.Value) {
	recorded := map[string]any{}
	if v := cty.ObjectVal(attrs); v.GetAttr("parents").IsWhollyKnown() && !v.GetAttr("parents").IsNull() && v.GetAttr("rule").IsWhollyKnown() {
		recorded = spec(v)
	}
	readAttachment(recorded, live, attrs)
	if !reflect.DeepEqual(recorded["rules"], live["rules"]) {
		ty := attrs["rule"].Type()
		rules := each(live["rules"], rule)
		attrs["rule"] = cty.ListValEmpty(ty.ElementType())
		if len(rules) > 0 {
			attrs["rule"] = cty.ListVal(rules)
		}
	}
}

// readAttachment shows parents and host names of a live route, where they are not as recorded.
func readAttachment(recorded, live map[string]any, attrs map[string]cty.Value) {
	if !reflect.DeepEqual(recorded["parentRefs"], live["parentRefs"]) {
		attrs["parents"] = cty.ListVal(each(live["parentRefs"], readParent))
	}
	if hosts, has := attrs["hostnames"]; has && !reflect.DeepEqual(recorded["hostnames"], live["hostnames"]) {
		attrs["hostnames"] = textList(live["hostnames"], hosts)
	}
}

// backendList is one list of backends of a route.
type backendList struct {
	at   cty.Path
	list []cty.Value
}

// backendLists are the backends of a route that are known: of its rules, or its own where the kind has one rule.
func backendLists(v cty.Value) []backendList {
	if v.Type().HasAttribute("backends") {
		if b := v.GetAttr("backends"); b.IsWhollyKnown() && !b.IsNull() {
			return []backendList{{cty.GetAttrPath("backends"), b.AsValueSlice()}}
		}
		return nil
	}
	rules := v.GetAttr("rule")
	if !rules.IsWhollyKnown() || rules.IsNull() {
		return nil
	}
	var out []backendList
	for i, r := range rules.AsValueSlice() {
		if b := r.GetAttr("backends"); !b.IsNull() {
			out = append(out, backendList{cty.GetAttrPath("rule").IndexInt(i).GetAttr("backends"), b.AsValueSlice()})
		}
	}
	return out
}

// idleBackends finds backends of a route that attaches to Servers only. All parents and rules must be known.
func idleBackends(v cty.Value) []schema.Problem {
	if slices.ContainsFunc(v.GetAttr("parents").AsValueSlice(), func(p cty.Value) bool { return schema.Text(p.GetAttr("kind")) != "Server" }) {
		return nil
	}
	var out []schema.Problem
	for _, l := range backendLists(v) {
		if len(l.list) > 0 {
			out = append(out, schema.Problem{Path: l.at, Summary: "Backends do nothing here", Detail: "Backends are for routes of a Service; a route of a Server only names requests for policies. Remove them."})
		}
	}
	return out
}

// placeRoute puts a route before what it admits calls to, and after the Services that it is about.
func placeRoute(v cty.Value, o *providers.Order) {
	ns := schema.Text(v.GetAttr("namespace"))
	service := func(namespace, name string) {
		o.After = append(o.After, providers.Tag("kubernetes:object/"+kube.Ref{Kind: "Service", Namespace: cmp.Or(namespace, ns), Name: name}.Key()))
	}
	o.Provides = append(o.Provides, providers.Tag("linkerd:route/"+ns+"/"+schema.Text(v.GetAttr("name"))))
	if parents := v.GetAttr("parents"); parents.IsWhollyKnown() && !parents.IsNull() {
		for _, p := range parents.AsValueSlice() {
			name := schema.Text(p.GetAttr("name"))
			switch schema.Text(p.GetAttr("kind")) {
			case "EgressNetwork":
				o.Provides = append(o.Provides, providers.Tag("linkerd:egress-routes/"+ns+"/"+name))
			case "Server":
				o.Provides = append(o.Provides, providers.Tag("linkerd:server-policies/"+ns+"/"+name))
			case "Service":
				service(schema.Text(p.GetAttr("namespace")), name)
			}
		}
	}
	for _, l := range backendLists(v) {
		for _, b := range l.list {
			service(schema.Text(b.GetAttr("namespace")), schema.Text(b.GetAttr("name")))
		}
	}
}

// routeSettled waits for Linkerd's word about Services. A Server or an egress network may come after its routes, so
// that a parent which is not there yet is no refusal for them.
func routeSettled(live *unstructured.Unstructured) (bool, string) {
	if len(parentNames(live, "Server"))+len(parentNames(live, "EgressNetwork")) > 0 {
		_, refusal := typed.Accepted(live)
		if refusal != "" && !slices.Contains([]string{"NoMatchingParent"}, reasonOf(refusal)) {
			return false, refusal
		}
		return true, ""
	}
	return typed.Accepted(live)
}

func reasonOf(refusal string) string {
	var kind, reason string
	if _, err := fmt.Sscanf(refusal, "%s is False, reason %s", &kind, &reason); err != nil {
		return refusal
	}
	return reason
}
