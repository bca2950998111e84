package traffic

import (
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

func routeSpec(_ env.Env, v cty.Value) map[string]any {
	return routeSpecOf(v, ruleSpec)
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
	if backends := backendRefs(r.GetAttr("backends")); len(backends) > 0 {
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

// headerFilter is the filter that changes request headers, or nil.
func headerFilter(r cty.Value) map[string]any {
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
	if len(modifier) == 0 {
		return nil
	}
	return map[string]any{"type": "RequestHeaderModifier", "requestHeaderModifier": modifier}
}

// readHeaderFilter shows a live filter, if it is one that changes request headers.
func readHeaderFilter(filter map[string]any, attrs map[string]cty.Value) {
	if h, ok := filter["requestHeaderModifier"].(map[string]any); ok {
		attrs["set_headers"], attrs["add_headers"] = textMap(h["set"], ""), textMap(h["add"], "")
		attrs["remove_headers"] = textList(h["remove"], attrs["remove_headers"])
	}
}

func filterSpecs(r cty.Value) []any {
	var out []any
	if f := headerFilter(r); f != nil {
		out = append(out, f)
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

// readRoute shows a live route.
func readRoute(e env.Env, live map[string]any, attrs map[string]cty.Value) {
	readRouteOf(live, attrs, func(v cty.Value) map[string]any { return routeSpec(e, v) }, readRule)
}

func readRule(m map[string]any) cty.Value {
	timeouts, _ := m["timeouts"].(map[string]any)
	attrs := map[string]cty.Value{
		"matches": cty.NullVal(cty.List(matchType().WithoutOptionalAttributesDeep())), "backends": readBackends(m),
		"request_timeout": text(timeouts, "request"), "backend_request_timeout": text(timeouts, "backendRequest"),
		"set_headers": cty.NullVal(cty.Map(cty.String)), "add_headers": cty.NullVal(cty.Map(cty.String)), "remove_headers": cty.NullVal(cty.List(cty.String)),
		"redirect": cty.NullVal(routeSchema().Block.Blocks["rule"].Block.Attributes["redirect"].Type.WithoutOptionalAttributesDeep()),
	}
	if matches := each(m["matches"], readMatch); len(matches) > 0 {
		attrs["matches"] = cty.ListVal(matches)
	}
	filters, _ := m["filters"].([]any)
	for _, f := range filters {
		filter, _ := f.(map[string]any)
		readHeaderFilter(filter, attrs)
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
