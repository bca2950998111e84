package typed

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func TestAccepted(t *testing.T) {
	route := func(parents string) string {
		return "metadata: {generation: 2}\nspec: {parentRefs: [{name: a}]}\nstatus: {parents: [" + parents + "]}\n"
	}
	parent := func(conditions string) string {
		return "{controllerName: linkerd.io/policy-controller, parentRef: {kind: Service, name: a}, conditions: [" + conditions + "]}"
	}
	for _, tc := range []struct {
		name, yaml, refusal string
		done                bool
	}{
		{name: "no word yet", yaml: "metadata: {generation: 1}\nspec: {}\n"},
		{name: "accepted", yaml: route(parent(`{type: Accepted, status: "True", observedGeneration: 2}, {type: ResolvedRefs, status: "True"}`)), done: true},
		{name: "of a former spec", yaml: route(parent(`{type: Accepted, status: "True", observedGeneration: 1}`))},
		{name: "a stronger kind is there", yaml: route(parent(`{type: Accepted, status: "False", reason: RouteReasonConflicted, observedGeneration: 2}`)), refusal: "Accepted is False, reason RouteReasonConflicted (parent Service a)"},
		{name: "no backend", yaml: route(parent(`{type: Accepted, status: "True"}, {type: ResolvedRefs, status: "False", reason: BackendNotFound}`)), refusal: "ResolvedRefs is False, reason BackendNotFound (parent Service a)"},
		{name: "another controller's word", yaml: route(`{controllerName: example.com/other, parentRef: {kind: Service, name: a}, conditions: [{type: Accepted, status: "True"}]}`)},
		{name: "a limit", yaml: "metadata: {generation: 1}\nstatus: {conditions: [{type: Accepted, status: \"False\", reason: RateLimitReasonAlreadyExists}]}\n", refusal: "Accepted is False, reason RateLimitReasonAlreadyExists"},
	} {
		u := &unstructured.Unstructured{}
		b, err := yaml.YAMLToJSON([]byte("kind: HTTPRoute\napiVersion: v1\n" + tc.yaml))
		if err != nil {
			t.Fatal(err)
		}
		if err := u.UnmarshalJSON(b); err != nil {
			t.Fatal(err)
		}
		if done, refusal := Accepted(u); done != tc.done || refusal != tc.refusal {
			t.Errorf("%s: %t, %q; want %t, %q", tc.name, done, refusal, tc.done, tc.refusal)
		}
	}
}
