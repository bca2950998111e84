package docs

import (
	"encoding/json"
	"io"
	"maps"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/schema"
)

// object is a JSON object under construction.
type object = map[string]any

// Editor writes one JSON Schema (draft 7, which every editor reads) for files `*.mesh.hcl.json`: completion, hover and
// validation while typing. It accepts whatever the loader accepts; where a template may stand, any template may. backends are
// what backend blocks may hold, by their labels.
func Editor(w io.Writer, catalog []Provider, backends map[string]*schema.Block) error {
	e := &editor{definitions: object{}}
	e.definitions["template"] = object{"type": "string", "pattern": `[$%]\{`, "description": "A template, such as \"${var.name}\"."}
	e.definitions["references"] = object{"type": "array", "items": object{"type": "string"}, "description": "Addresses, without quotes of their own."}
	top := object{"//": comment()}
	for name, l := range language() {
		top[name] = e.labelled(len(l.labels), e.define("block."+name, l.block, l.description, false), l.description)
	}
	places := object{"//": comment()}
	for name, b := range backends {
		places[name] = many(e.define("backend."+name, b, "A place for the state.", false))
	}
	settings := e.definitions["block.meshplan"].(object)["properties"].(object)
	settings["backend"] = many(closed(places, language()["meshplan"].block.Blocks["backend"].Description))
	top["locals"] = many(object{"type": "object", "description": "Values with names, for use in several places."})
	top["module"] = e.labelled(1, e.define("block.module", moduleArguments(), "Another directory used as a part of this one.", true), "Another directory used as a part of this one.")
	resources, sources, configs := object{"//": comment()}, object{"//": comment()}, object{"//": comment()}
	for _, p := range catalog {
		config := with(p.Config, aliased())
		configs[p.Name] = many(e.define("provider."+p.Name, config, "Configuration of the provider "+p.Name+".", false))
		for _, t := range p.Types {
			body := e.define(t.Keyword()+"."+t.Name, with(&t.Schema.Block, meta()), t.Schema.Summary, false)
			into := resources
			if t.Data {
				into = sources
			}
			into[t.Name] = e.labelled(1, body, t.Schema.Summary)
		}
	}
	top["provider"] = many(closed(configs, "Connections of providers."))
	top["resource"] = many(closed(resources, "Objects that meshplan makes and keeps as they are declared, by type and name."))
	top["data"] = many(closed(sources, "What is read and not changed, by type and name."))
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(object{
		"$schema": "http://json-schema.org/draft-07/schema#", "title": "meshplan rollout", "description": "A file *.mesh.hcl.json: a rollout in the JSON form of HCL.",
		"anyOf":       []any{closed(top, ""), object{"type": "array", "items": closed(top, "")}},
		"definitions": e.definitions,
	})
}

type editor struct{ definitions object }

func comment() object { return object{"description": "A comment."} }

// closed is an object with these properties and no others.
func closed(properties object, description string) object {
	o := object{"type": "object", "properties": properties, "additionalProperties": false}
	if description != "" {
		o["description"] = description
	}
	return o
}

// many allows one of something or an array of it, as the JSON form of HCL does for blocks.
func many(one object) object {
	return object{"anyOf": []any{one, object{"type": "array", "items": one}}}
}

// with joins the content of two blocks.
func with(a, b *schema.Block) *schema.Block {
	out := &schema.Block{Attributes: maps.Clone(a.Attributes), Blocks: maps.Clone(a.Blocks)}
	if out.Attributes == nil {
		out.Attributes = map[string]*schema.Attribute{}
	}
	if out.Blocks == nil {
		out.Blocks = map[string]*schema.NestedBlock{}
	}
	maps.Copy(out.Attributes, b.Attributes)
	maps.Copy(out.Blocks, b.Blocks)
	return out
}

// labelled puts a body under labels: each is a level of names.
func (e *editor) labelled(labels int, body object, description string) object {
	body = many(body)
	for range labels {
		body = many(object{"type": "object", "description": description, "properties": object{"//": comment()}, "additionalProperties": body})
	}
	return body
}

// define puts a block's content under a name and returns the reference to it. An open block may have other arguments.
func (e *editor) define(name string, b *schema.Block, description string, open bool) object {
	body := e.body(b, description)
	if open {
		body["additionalProperties"] = true
	}
	e.definitions[name] = body
	return object{"$ref": "#/definitions/" + name}
}

func (e *editor) body(b *schema.Block, description string) object {
	properties, required := object{"//": comment()}, []string{}
	for name, a := range b.Attributes {
		if !a.Settable() {
			continue
		}
		properties[name] = e.attribute(name, a)
		if a.Required {
			required = append(required, name)
		}
	}
	dynamic := object{}
	for name, n := range b.Blocks {
		properties[name], dynamic[name] = e.nested(n)
		if n.Required && n.Nesting != schema.Map {
			required = append(required, name) // unless dynamic blocks make it: see below
		}
	}
	if len(dynamic) > 0 {
		properties["dynamic"] = many(closed(dynamic, "Blocks that an expression makes, by their type."))
	}
	o := closed(properties, description)
	slices.Sort(required)
	plain := slices.DeleteFunc(slices.Clone(required), func(name string) bool { return b.Blocks[name] != nil })
	if len(plain) > 0 {
		o["required"] = plain
	}
	for _, name := range required {
		if b.Blocks[name] != nil {
			all, _ := o["allOf"].([]any)
			o["allOf"] = append(all, object{"anyOf": []any{object{"required": []string{name}}, object{"required": []string{"dynamic"}}}})
		}
	}
	return o
}

// nested returns the form of a nested block and the form of the dynamic block that makes such blocks.
func (e *editor) nested(n *schema.NestedBlock) (plain, dynamic object) {
	body := e.body(&n.Block, n.Description)
	if len(n.Block.Attributes) == 0 && len(n.Block.Blocks) == 0 {
		body = object{"type": "object", "description": n.Description}
	}
	plain = many(body)
	if n.Nesting == schema.Map {
		plain = e.labelled(1, body, n.Description)
	}
	dynamic = many(object{"type": "object", "required": []string{"for_each", "content"}, "additionalProperties": false, "properties": object{
		"for_each": object{}, "iterator": object{"type": "string"}, "labels": object{}, "content": body,
	}})
	return plain, dynamic
}

func (e *editor) attribute(name string, a *schema.Attribute) object {
	o := e.value(a)
	if name == "depends_on" || name == "replace_triggered_by" {
		o = object{"$ref": "#/definitions/references"}
	}
	if o["$ref"] != nil || len(o) > 0 && o["anyOf"] == nil {
		o = object{"anyOf": []any{o}}
	}
	o["description"] = a.Description
	if d := valueJSON(a.Default); d != nil {
		o["default"] = d
	}
	if a.Deprecated != "" {
		o["deprecated"] = true
		o["description"] = a.Description + " Deprecated: " + a.Deprecated
	}
	if alternatives, _ := o["anyOf"].([]any); !a.Required && alternatives != nil {
		o["anyOf"] = append(alternatives, object{"type": "null"})
	}
	return o
}

func (e *editor) value(a *schema.Attribute) object {
	if len(a.OneOf) == 0 {
		return e.typed(a.Type)
	}
	names := object{"enum": a.OneOf}
	if a.Type == cty.String {
		return orTemplate(names)
	}
	return orTemplate(object{"type": "array", "items": orTemplate(names)})
}

// typed returns the form of an expression that gives a value of a type, conversions included.
func (e *editor) typed(t cty.Type) object {
	switch {
	case t == cty.String:
		return object{"type": []string{"string", "number", "boolean"}}
	case t == cty.Number:
		return object{"anyOf": []any{object{"type": "number"}, object{"type": "string", "pattern": `^-?[0-9]|[$%]\{`}}}
	case t == cty.Bool:
		return object{"anyOf": []any{object{"type": "boolean"}, object{"type": "string", "pattern": `^(true|false)$|[$%]\{`}}}
	case t.IsListType() || t.IsSetType():
		return orTemplate(object{"type": "array", "items": e.typed(t.ElementType())})
	case t.IsMapType():
		return orTemplate(object{"type": "object", "additionalProperties": e.typed(t.ElementType())})
	case t.IsObjectType():
		properties, required := object{}, []string{}
		for name, at := range t.AttributeTypes() {
			properties[name] = e.typed(at)
			if t.AttributeOptional(name) {
				properties[name] = object{"anyOf": []any{properties[name], object{"type": "null"}}}
			} else {
				required = append(required, name)
			}
		}
		slices.Sort(required)
		o := object{"type": "object", "properties": properties}
		if len(required) > 0 {
			o["required"] = required
		}
		return orTemplate(o)
	case t.IsTupleType():
		return orTemplate(object{"type": "array"})
	}
	return object{}
}

func orTemplate(o object) object {
	return object{"anyOf": []any{o, object{"$ref": "#/definitions/template"}}}
}
