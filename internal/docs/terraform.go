package docs

import (
	"encoding/json"
	"io"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/meshplan/meshplan/internal/schema"
)

// FormatVersion is the version of Terraform's representation of provider schemas that Terraform writes.
const FormatVersion = "1.0"

// Terraform writes the catalog in the representation of `terraform providers schema -json`, so that tools which read that
// read this. What Terraform has no word for stands under the key "meshplan" of an attribute: the default, the allowed
// values, and whether a change needs a new object.
func Terraform(w io.Writer, catalog []Provider) error {
	out := jsonSchemas{FormatVersion: FormatVersion, Providers: map[string]*jsonProvider{}}
	for _, p := range catalog {
		j := &jsonProvider{Config: jsonType{Block: blockJSON(p.Config, "", "")}, Resources: map[string]jsonType{}, Data: map[string]jsonType{}}
		for _, t := range p.Types {
			into := j.Resources
			if t.Data {
				into = j.Data
			}
			into[t.Name] = jsonType{Version: t.Schema.Version, Block: blockJSON(&t.Schema.Block, t.Schema.Description, "markdown")}
		}
		out.Providers[p.Name] = j
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(out)
}

type jsonSchemas struct {
	FormatVersion string                   `json:"format_version"`
	Providers     map[string]*jsonProvider `json:"provider_schemas"`
}

type jsonProvider struct {
	Config    jsonType            `json:"provider"`
	Resources map[string]jsonType `json:"resource_schemas"`
	Data      map[string]jsonType `json:"data_source_schemas"`
}

type jsonType struct {
	Version int        `json:"version"`
	Block   *jsonBlock `json:"block"`
}

type jsonBlock struct {
	Attributes  map[string]*jsonAttribute `json:"attributes,omitempty"`
	Blocks      map[string]*jsonNested    `json:"block_types,omitempty"`
	Description string                    `json:"description,omitempty"`
	Kind        string                    `json:"description_kind"`
}

type jsonAttribute struct {
	Type        json.RawMessage `json:"type"`
	Description string          `json:"description,omitempty"`
	Kind        string          `json:"description_kind"`
	Deprecated  bool            `json:"deprecated,omitempty"`
	Required    bool            `json:"required,omitempty"`
	Optional    bool            `json:"optional,omitempty"`
	Computed    bool            `json:"computed,omitempty"`
	Sensitive   bool            `json:"sensitive,omitempty"`
	Meshplan    *jsonMore       `json:"meshplan,omitempty"`
}

type jsonMore struct {
	Default    json.RawMessage `json:"default,omitempty"`
	OneOf      []string        `json:"one_of,omitempty"`
	Replace    bool            `json:"forces_replacement,omitempty"`
	Deprecated string          `json:"deprecated,omitempty"`
}

type jsonNested struct {
	Nesting string     `json:"nesting_mode"`
	Block   *jsonBlock `json:"block"`
	Min     int        `json:"min_items,omitempty"`
	Max     int        `json:"max_items,omitempty"`
}

func blockJSON(b *schema.Block, description, kind string) *jsonBlock {
	if kind == "" {
		kind = "plain"
	}
	out := &jsonBlock{Description: description, Kind: kind, Attributes: map[string]*jsonAttribute{}, Blocks: map[string]*jsonNested{}}
	for name, a := range b.Attributes {
		out.Attributes[name] = attributeJSON(a)
	}
	for name, n := range b.Blocks {
		j := &jsonNested{Nesting: nestings[n.Nesting], Block: blockJSON(&n.Block, n.Description, ""), Max: n.Max}
		if n.Nesting == schema.Single {
			j.Max = 1
		}
		if n.Required {
			j.Min = 1
		}
		out.Blocks[name] = j
	}
	return out
}

// nestings are Terraform's words.
var nestings = [...]string{schema.Single: "single", schema.List: "list", schema.Map: "map"}

func attributeJSON(a *schema.Attribute) *jsonAttribute {
	out := &jsonAttribute{Type: typeJSON(a.Type), Description: a.Description, Kind: "plain", Deprecated: a.Deprecated != "",
		Required: a.Required, Optional: a.Optional, Computed: a.Computed, Sensitive: a.Sensitive}
	more := jsonMore{Default: valueJSON(a.Default), OneOf: a.OneOf, Replace: a.Replace, Deprecated: a.Deprecated}
	if more.Default != nil || more.OneOf != nil || more.Replace || more.Deprecated != "" {
		out.Meshplan = &more
	}
	return out
}

// typeJSON writes a type. Types are fixed data, so this cannot fail.
func typeJSON(t cty.Type) json.RawMessage {
	b, err := ctyjson.MarshalType(t)
	if err != nil {
		panic("docs: " + err.Error())
	}
	return b
}

// valueJSON writes a default, or nil when there is none.
func valueJSON(v cty.Value) json.RawMessage {
	if v == cty.NilVal || v.IsNull() {
		return nil
	}
	b, err := ctyjson.Marshal(v, v.Type())
	if err != nil {
		panic("docs: " + err.Error())
	}
	return b
}
