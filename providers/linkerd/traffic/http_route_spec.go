package traffic

import (
	"maps"
	"reflect"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

func routeSpec(_ env.Env, v cty.Value) map[string]any {
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
	spec := map[string]any{"parentRefs": refs}
	if hosts := schema.Texts(v.GetAttr("hostnames")); len(hosts) > 0 {
		spec["hostnames"] = anyTexts(hosts)
	}
	var rules []any
	if list := v.GetAttr("rule"); !list.IsNull() {
		for _, r := range list.AsValueSlice() {
			rules = append(rules, ruleSpec(r))
		}
	}
	if len(rules) > 0 {
		spec["rules"] = rules
	}
	return spec
}

func ruleSpec(r cty.Value) map[string]any {
	rule := map[string]any{}
	var matches []any
	if list := r.GetAttr("matches"); !list.IsNull() {
		for _, m := range list.AsValueSlice() {
			matches = append(matches, matchSpec(m))
		}
	}
	if len(matches) == 0 { // the API server's default, said so that it is ours
		matches = []any{map[string]any{"path": map[string]any{"type": "PathPrefix", "value": "/"}}}
	}
	rule["matches"] = matches
	var backends []any
	if list := r.GetAttr("backends"); !list.IsNull() {
		for _, b := range list.AsValueSlice() {
			ref := map[string]any{"group": "", "kind": "Service", "name": schema.Text(b.GetAttr("name")), "port": integer(b.GetAttr("port")), "weight": int64(1)}
			if w := b.GetAttr("weight"); !w.IsNull() {
				ref["weight"] = integer(w)
			}
			if ns := schema.Text(b.GetAttr("namespace")); ns != "" {
				ref["namespace"] = ns
			}
			backends = append(backends, ref)
		}
	}
	if len(backends) > 0 {
		rule["backendRefs"] = backends
	}
	timeouts := map[string]any{}
	for attribute, field := range map[string]string{"request_timeout": "request", "backend_request_timeout": "backendRequest"} {
		if s := schema.Text(r.GetAttr(attribute)); s != "" {
			timeouts[field] = s
		}
	}
	if len(timeouts) > 0 {
		rule["timeouts"] = timeouts
	}
	if filters := filterSpecs(r); len(filters) > 0 {
		rule["filters"] = filters
	}
	return rule
}

func matchSpec(m cty.Value) map[string]any {
	out := map[string]any{}
	path, kind := schema.Text(m.GetAttr("path")), schema.Text(m.GetAttr("path_type"))
	if path == "" {
		path = "/"
	}
	if kind == "" {
		kind = "PathPrefix"
	}
	out["path"] = map[string]any{"type": kind, "value": path}
	if method := schema.Text(m.GetAttr("method")); method != "" {
		out["method"] = method
	}
	headers := append(named(m.GetAttr("headers"), "Exact"), named(m.GetAttr("header_patterns"), "RegularExpression")...)
	if len(headers) > 0 {
		out["headers"] = headers
	}
	if query := named(m.GetAttr("query"), "Exact"); len(query) > 0 {
		out["queryParams"] = query
	}
	return out
}

// named is a map as the list of names and values that the API has, in order of name.
func named(v cty.Value, kind string) []any {
	if v.IsNull() || !v.IsKnown() {
		return nil
	}
	set := v.AsValueMap()
	var out []any
	for _, name := range slices.Sorted(maps.Keys(set)) {
		e := map[string]any{"name": name, "value": schema.Text(set[name])}
		if kind != "" {
			e["type"] = kind
		}
		out = append(out, e)
	}
	return out
}

func filterSpecs(r cty.Value) []any {
	var out []any
	modifier := map[string]any{}
	if l := named(r.GetAttr("set_headers"), ""); len(l) > 0 {
		modifier["set"] = l
	}
	if l := named(r.GetAttr("add_headers"), ""); len(l) > 0 {
		modifier["add"] = l
	}
	if l := schema.Texts(r.GetAttr("remove_headers")); len(l) > 0 {
		modifier["remove"] = anyTexts(l)
	}
	if len(modifier) > 0 {
		out = append(out, map[string]any{"type": "RequestHeaderModifier", "requestHeaderModifier": modifier})
	}
	if d := r.GetAttr("redirect"); !d.IsNull() {
		redirect := map[string]any{"statusCode": int64(302)}
		for attribute, field := range map[string]string{"scheme": "scheme", "hostname": "hostname"} {
			if s := schema.Text(d.GetAttr(attribute)); s != "" {
				redirect[field] = s
			}
		}
		if n := d.GetAttr("port"); !n.IsNull() {
			redirect["port"] = integer(n)
		}
		if n := d.GetAttr("status"); !n.IsNull() {
			redirect["statusCode"] = integer(n)
		}
		if s := schema.Text(d.GetAttr("path")); s != "" {
			redirect["path"] = map[string]any{"type": "ReplaceFullPath", "replaceFullPath": s}
		}
		out = append(out, map[string]any{"type": "RequestRedirect", "requestRedirect": redirect})
	}
	return out
}

func integer(v cty.Value) int64 {
	i, _ := v.AsBigFloat().Int64()
	return i
}

func anyTexts(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// readRoute shows a live route. What still says what was recorded keeps its recorded spelling.
func readRoute(e env.Env, live map[string]any, attrs map[string]cty.Value) {
	recorded := map[string]any{}
	if v := cty.ObjectVal(attrs); v.GetAttr("parents").IsWhollyKnown() && !v.GetAttr("parents").IsNull() && v.GetAttr("rule").IsWhollyKnown() {
		recorded = routeSpec(e, v)
	}
	if !reflect.DeepEqual(recorded["parentRefs"], live["parentRefs"]) {
		attrs["parents"] = cty.ListVal(each(live["parentRefs"], readParent))
	}
	if !reflect.DeepEqual(recorded["hostnames"], live["hostnames"]) {
		attrs["hostnames"] = textList(live["hostnames"], attrs["hostnames"])
	}
	if !reflect.DeepEqual(recorded["rules"], live["rules"]) {
		ty := attrs["rule"].Type()
		rules := each(live["rules"], readRule)
		attrs["rule"] = cty.ListValEmpty(ty.ElementType())
		if len(rules) > 0 {
			attrs["rule"] = cty.ListVal(rules)
		}
	}
}

func each(list any, read func(map[string]any) cty.Value) []cty.Value {
	l, _ := list.([]any)
	var out []cty.Value
	for _, e := range l {
		m, _ := e.(map[string]any)
		out = append(out, read(m))
	}
	return out
}

func text(m map[string]any, key string) cty.Value {
	if s, ok := m[key].(string); ok && s != "" {
		return cty.StringVal(s)
	}
	return cty.NullVal(cty.String)
}

func number(m map[string]any, key string) cty.Value {
	if n, ok := m[key].(int64); ok {
		return cty.NumberIntVal(n)
	}
	return cty.NullVal(cty.Number)
}

func textList(v any, was cty.Value) cty.Value {
	l, _ := v.([]any)
	var out []cty.Value
	for _, e := range l {
		if s, ok := e.(string); ok {
			out = append(out, cty.StringVal(s))
		}
	}
	switch {
	case len(out) > 0:
		return cty.ListVal(out)
	case was.IsNull():
		return was
	}
	return cty.ListValEmpty(cty.String)
}

func readParent(m map[string]any) cty.Value {
	return cty.ObjectVal(map[string]cty.Value{"kind": text(m, "kind"), "name": text(m, "name"), "namespace": text(m, "namespace"), "port": number(m, "port")})
}

func textMap(list any, kind string) cty.Value {
	l, _ := list.([]any)
	out := map[string]cty.Value{}
	for _, e := range l {
		m, _ := e.(map[string]any)
		if is, _ := m["type"].(string); is == kind || kind == "" {
			name, _ := m["name"].(string)
			out[name] = text(m, "value")
		}
	}
	if len(out) == 0 {
		return cty.NullVal(cty.Map(cty.String))
	}
	return cty.MapVal(out)
}

func readRule(m map[string]any) cty.Value {
	timeouts, _ := m["timeouts"].(map[string]any)
	attrs := map[string]cty.Value{
		"matches": cty.NullVal(cty.List(matchType().WithoutOptionalAttributesDeep())), "backends": cty.NullVal(cty.List(backendType().WithoutOptionalAttributesDeep())),
		"request_timeout": text(timeouts, "request"), "backend_request_timeout": text(timeouts, "backendRequest"),
		"set_headers": cty.NullVal(cty.Map(cty.String)), "add_headers": cty.NullVal(cty.Map(cty.String)), "remove_headers": cty.NullVal(cty.List(cty.String)),
		"redirect": cty.NullVal(routeSchema().Block.Blocks["rule"].Block.Attributes["redirect"].Type.WithoutOptionalAttributesDeep()),
	}
	if matches := each(m["matches"], readMatch); len(matches) > 0 {
		attrs["matches"] = cty.ListVal(matches)
	}
	backends := each(m["backendRefs"], func(b map[string]any) cty.Value {
		return cty.ObjectVal(map[string]cty.Value{"name": text(b, "name"), "namespace": text(b, "namespace"), "port": number(b, "port"), "weight": number(b, "weight")})
	})
	if len(backends) > 0 {
		attrs["backends"] = cty.ListVal(backends)
	}
	filters, _ := m["filters"].([]any)
	for _, f := range filters {
		filter, _ := f.(map[string]any)
		if h, ok := filter["requestHeaderModifier"].(map[string]any); ok {
			attrs["set_headers"], attrs["add_headers"] = textMap(h["set"], ""), textMap(h["add"], "")
			attrs["remove_headers"] = textList(h["remove"], attrs["remove_headers"])
		}
		if d, ok := filter["requestRedirect"].(map[string]any); ok {
			path, _ := d["path"].(map[string]any)
			attrs["redirect"] = cty.ObjectVal(map[string]cty.Value{"scheme": text(d, "scheme"), "hostname": text(d, "hostname"), "port": number(d, "port"),
				"path": text(path, "replaceFullPath"), "status": number(d, "statusCode")})
		}
	}
	return cty.ObjectVal(attrs)
}

func readMatch(m map[string]any) cty.Value {
	path, _ := m["path"].(map[string]any)
	return cty.ObjectVal(map[string]cty.Value{"path": text(path, "value"), "path_type": text(path, "type"), "method": text(m, "method"),
		"headers": textMap(m["headers"], "Exact"), "header_patterns": textMap(m["headers"], "RegularExpression"), "query": textMap(m["queryParams"], "Exact")})
}
