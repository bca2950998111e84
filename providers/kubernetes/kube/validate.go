package kube

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"k8s.io/kube-openapi/pkg/validation/strfmt"
	"k8s.io/kube-openapi/pkg/validation/validate"

	"github.com/meshplan/meshplan/internal/diag"
)

// validatePlanned checks an object against the schema of a CustomResourceDefinition that is only planned: types,
// required fields, enums, patterns, bounds and unknown fields. Rules in CEL are left to the server.
func validatePlanned(crd *unstructured.Unstructured, w *wish) hcl.Diagnostics {
	if crd == nil {
		return nil
	}
	version, ok := crdVersion(crd, w.ref.Version)
	if !ok {
		return nil
	}
	open, _, _ := unstructured.NestedMap(version, "schema", "openAPIV3Schema")
	if open == nil {
		return nil
	}
	text, err := json.Marshal(open)
	if err != nil {
		return nil
	}
	var s spec.Schema
	if err := json.Unmarshal(text, &s); err != nil {
		return hcl.Diagnostics{diag.Warningf(CodeInvalid, "Schema not readable", "The schema of the planned CustomResourceDefinition %s cannot be read, so %s was not checked against it: %s.", crd.GetName(), w.ref, err)}
	}
	object := w.body.DeepCopy().Object
	delete(object, "metadata") // the server checks it by rules of its own
	delete(object, "apiVersion")
	delete(object, "kind")
	var problems []string
	for _, e := range validate.NewSchemaValidator(&s, nil, "", strfmt.Default).Validate(object).Errors {
		problems = append(problems, e.Error())
	}
	problems = append(problems, unknownFields(open, object, nil)...)
	if len(problems) == 0 {
		return nil
	}
	slices.Sort(problems)
	return hcl.Diagnostics{diag.Errorf(CodeInvalid, "Object not valid", "%s does not fit the schema of the planned CustomResourceDefinition %s: %s.",
		w.ref, crd.GetName(), diag.Scrub(strings.Join(slices.Compact(problems), "; ")))}
}

// unknownFields returns the fields that a structural schema does not declare, which the server would drop.
func unknownFields(open map[string]any, v any, path Path) []string {
	if open["x-kubernetes-preserve-unknown-fields"] == true || open["x-kubernetes-embedded-resource"] == true {
		return nil
	}
	var out []string
	switch v := v.(type) {
	case map[string]any:
		properties, declared := open["properties"].(map[string]any)
		additional, free := open["additionalProperties"].(map[string]any)
		for _, k := range sortedKeys(v) {
			below, ok := properties[k].(map[string]any)
			switch {
			case ok:
				out = append(out, unknownFields(below, v[k], path.child(k))...)
			case free:
				out = append(out, unknownFields(additional, v[k], path.child(k))...)
			case declared && open["additionalProperties"] != true:
				out = append(out, fmt.Sprintf("%s is not a field of the kind.%s", path.child(k), strings.TrimSuffix(diag.Suggest(k, sortedKeys(properties)), ".")))
			}
		}
	case []any:
		items, ok := open["items"].(map[string]any)
		for i := 0; ok && i < len(v); i++ {
			out = append(out, unknownFields(items, v[i], path.child(i))...)
		}
	}
	return out
}

// validateInert checks a ConfigMap or Secret as the server would.
func validateInert(w *wish) hcl.Diagnostics {
	var problems []string
	note := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	for _, text := range validation.IsDNS1123Subdomain(w.ref.Name) {
		note("metadata.name: %s", text)
	}
	allowed := map[string]bool{"apiVersion": true, "kind": true, "metadata": true, "data": true, "binaryData": true, "immutable": true, "type": isSecret(w.ref)}
	if isSecret(w.ref) {
		delete(allowed, "binaryData")
	}
	for _, field := range sortedKeys(w.body.Object) {
		if !allowed[field] {
			note("%s is not a field of the kind", field)
		}
	}
	for _, field := range []string{"data", "binaryData"} {
		data, ok := w.body.Object[field]
		m, isMap := data.(map[string]any)
		if ok && !isMap {
			note("%s is not a map", field)
		}
		for _, k := range sortedKeys(m) {
			for _, text := range validation.IsConfigMapKey(k) {
				note("%s[%s]: %s", field, k, text)
			}
			if _, ok := m[k].(string); !ok {
				note("%s[%s] must be a string", field, k)
			}
		}
	}
	for _, k := range sortedKeys(w.body.GetLabels()) {
		for _, text := range append(validation.IsQualifiedName(k), validation.IsValidLabelValue(w.body.GetLabels()[k])...) {
			note("metadata.labels[%s]: %s", k, text)
		}
	}
	for _, k := range sortedKeys(w.body.GetAnnotations()) {
		for _, text := range validation.IsQualifiedName(strings.ToLower(k)) {
			note("metadata.annotations[%s]: %s", k, text)
		}
	}
	if len(problems) == 0 {
		return nil
	}
	slices.Sort(problems)
	return hcl.Diagnostics{diag.Errorf(CodeInvalid, "Object not valid", "The API server would refuse %s: %s.", w.ref, diag.Scrub(strings.Join(slices.Compact(problems), "; ")))}
}
