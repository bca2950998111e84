package lang

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	ctyjson "github.com/zclconf/go-cty/cty/json"
	"sigs.k8s.io/yaml"
)

// manifestsFunction reads every Kubernetes object of a multi-document YAML or JSON file into an object whose
// attributes are named `kind/namespace/name`; the namespace is empty when the manifest has none. The items of a `v1`
// List count as objects of their own.
//
// YAML is read as kubectl reads it, and a key that is there twice is an error.
func manifestsFunction(files confined) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type:   function.StaticReturnType(cty.DynamicPseudoType), // finding out the type is all the work
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			src, err := files.read(args[0].AsString())
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			v, err := decodeManifests(args[0].AsString(), src)
			if err != nil {
				return cty.NilVal, function.NewArgError(0, err)
			}
			return v, nil
		},
	})
}

// manifest is what names an object.
type manifest struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Namespace    string `json:"namespace"`
		Name         string `json:"name"`
		GenerateName string `json:"generateName"`
	} `json:"metadata"`
	Items []json.RawMessage `json:"items"`
}

// manifestSet collects objects under their keys.
type manifestSet struct {
	objects map[string]cty.Value
	where   map[string]string // the document in which each key was found
}

func decodeManifests(file string, src []byte) (cty.Value, error) {
	set := manifestSet{objects: make(map[string]cty.Value), where: make(map[string]string)}
	for i, doc := range splitDocuments(src) {
		where := fmt.Sprintf("%s, document %d (line %d)", file, i+1, doc.line)
		if err := checkYAMLText(string(doc.text)); err != nil {
			return cty.NilVal, fmt.Errorf("%s: %w", where, err)
		}
		raw, err := yaml.YAMLToJSONStrict(doc.text)
		if err != nil {
			return cty.NilVal, fmt.Errorf("%s: it is not valid YAML: %s", where, strings.TrimPrefix(err.Error(), "yaml: "))
		}
		if err := set.add(where, raw); err != nil {
			return cty.NilVal, err
		}
	}
	return cty.ObjectVal(set.objects), nil
}

func (s manifestSet) add(where string, raw []byte) error {
	if bytes.Equal(raw, []byte("null")) {
		return nil // nothing but comments
	}
	var m manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return fmt.Errorf("%s: it is not a Kubernetes object: %w", where, err)
	}
	if m.APIVersion == "v1" && m.Kind == "List" {
		for i, item := range m.Items {
			if err := s.add(fmt.Sprintf("%s, item %d", where, i), item); err != nil {
				return err
			}
		}
		return nil
	}
	switch {
	case m.APIVersion == "" || m.Kind == "":
		return fmt.Errorf("%s: it is not a Kubernetes object: apiVersion or kind is missing", where)
	case m.Metadata.Name == "" && m.Metadata.GenerateName != "":
		return fmt.Errorf("%s: the %s has a generateName, but an object that is managed needs a name that stays: set metadata.name", where, m.Kind)
	case m.Metadata.Name == "":
		return fmt.Errorf("%s: the %s has no metadata.name", where, m.Kind)
	}
	key := m.Kind + "/" + m.Metadata.Namespace + "/" + m.Metadata.Name
	if first, ok := s.where[key]; ok {
		return fmt.Errorf("%s: %s is there already, in %s", where, key, first)
	}
	t, err := ctyjson.ImpliedType(raw)
	if err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	v, err := ctyjson.Unmarshal(raw, t)
	if err != nil {
		return fmt.Errorf("%s: %w", where, err)
	}
	s.objects[key], s.where[key] = v, where
	return nil
}

// document is one part of a file, with the number of its first line.
type document struct {
	text []byte
	line int
}

// splitDocuments cuts at lines that are `---` or start with it and a space, and leaves out what is blank.
func splitDocuments(src []byte) []document {
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	var docs []document
	start, line, first := 0, 1, 1
	flush := func(end int) {
		if len(bytes.TrimSpace(src[start:end])) > 0 {
			docs = append(docs, document{text: src[start:end], line: first})
		}
	}
	for at := 0; at < len(src); line++ {
		next := len(src)
		if i := bytes.IndexByte(src[at:], '\n'); i >= 0 {
			next = at + i + 1
		}
		if l := src[at:next]; bytes.HasPrefix(l, []byte("---")) && (len(l) == 3 || bytes.ContainsRune([]byte(" \t\r\n"), rune(l[3]))) {
			flush(at)
			start, first = at+3, line
		}
		at = next
	}
	flush(len(src))
	return docs
}
