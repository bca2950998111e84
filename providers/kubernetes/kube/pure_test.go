package kube_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"pgregory.net/rapid"

	mschema "github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// jsonTerms draws what a manifest can hold.
func jsonTerms(depth int) *rapid.Generator[any] {
	scalar := rapid.OneOf(rapid.String().AsAny(), rapid.Bool().AsAny(), rapid.Int64().AsAny(), rapid.Float64Range(-1e6, 1e6).Filter(func(f float64) bool { return f != float64(int64(f)) }).AsAny())
	if depth == 0 {
		return scalar
	}
	inner := jsonTerms(depth - 1)
	return rapid.OneOf(scalar, rapid.SliceOfN(inner, 0, 3).AsAny(), rapid.MapOfN(rapid.String(), inner, 0, 3).AsAny())
}

func TestValuesSurviveTheRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.MapOfN(rapid.String(), jsonTerms(3), 0, 4).Draw(t, "object")
		out, unknown, null, err := kube.FromValue(kube.ToValue(in))
		if err != nil || len(unknown) > 0 || len(null) > 0 {
			t.Fatalf("%v %v %v", err, unknown, null)
		}
		a, _ := json.Marshal(in)
		b, _ := json.Marshal(out)
		// cty normalizes strings to NFC, and so does the expectation.
		normalized, _, _, _ := kube.FromValue(kube.ToValue(out))
		c, _ := json.Marshal(normalized)
		if string(b) != string(c) || len(in) == 0 && string(a) != string(b) {
			t.Fatalf("%s became %s and then %s", a, b, c)
		}
	})
}

func TestAnObjectIsAsWantedOfItself(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		object := rapid.MapOfN(rapid.String(), jsonTerms(3), 0, 4).Draw(t, "object")
		if got := kube.Differ(object, object); len(got) > 0 {
			t.Fatalf("%v", got)
		}
		more := map[string]any{"not": "wanted"}
		for k, v := range object {
			more[k] = v
		}
		if got := kube.Differ(object, more); len(got) > 0 {
			t.Fatalf("what is not wanted counts: %v", got)
		}
		for k := range object {
			delete(more, k)
			if got := kube.Differ(object, more); k != "not" && len(got) == 0 {
				t.Fatalf("%q is missing and not reported", k)
			}
			break
		}
	})
}

func TestPathsSurviveTheRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var p kube.Path
		for _, step := range rapid.SliceOfN(rapid.OneOf(rapid.String().AsAny(), rapid.IntRange(0, 99).AsAny()), 1, 5).Draw(t, "path") {
			p = append(p, step)
		}
		got, err := kube.ParsePath(p.String())
		if err != nil || !slices.Equal(got, p) {
			t.Fatalf("%q: %#v %v, want %#v", p.String(), got, err, p)
		}
	})
	for _, bad := range []string{"a..b", "a.", "a[", "a[x]", "a[-1]", `a["b]`, ".a", "a[0"} {
		if p, err := kube.ParsePath(bad); err == nil {
			t.Errorf("%q was read as %v", bad, p)
		}
	}
}

func TestDifferences(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ want, live, diff string }{
		"numbers by value":            {`{"a":1}`, `{"a":1.0}`, ""},
		"text is not a number":        {`{"a":"1"}`, `{"a":1}`, "a"},
		"named elements in any order": {`{"l":[{"name":"a","x":1},{"name":"b"}]}`, `{"l":[{"name":"c"},{"name":"b"},{"name":"a","x":1,"y":2}]}`, ""},
		"a field of a named element":  {`{"l":[{"name":"a","x":1}]}`, `{"l":[{"name":"b"},{"name":"a","x":2}]}`, "l[0].x"},
		"a missing element":           {`{"l":[{"name":"a"},{"name":"b"}]}`, `{"l":[{"name":"a"}]}`, "l[1]"},
		"other lists as a whole":      {`{"l":["a","b"]}`, `{"l":["b","a"]}`, "l"},
		"a map that became text":      {`{"a":{"b":1}}`, `{"a":"b"}`, "a"},
		"keys with dots":              {`{"a":{"x.y/z":"1"}}`, `{"a":{}}`, `a["x.y/z"]`},
	} {
		var want, live map[string]any
		if err := json.Unmarshal([]byte(c.want), &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(c.live), &live); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(kube.Differ(want, live), " "); got != c.diff {
			t.Errorf("%s: %q, want %q", name, got, c.diff)
		}
	}
}

func TestDriftInAValue(t *testing.T) {
	t.Parallel()
	v := kube.ToValue(map[string]any{"spec": map[string]any{"list": []any{map[string]any{"name": "a", "image": "1"}}}})
	path, err := kube.ParsePath("spec.list[0].image")
	if err != nil {
		t.Fatal(err)
	}
	got := kube.WithDrift(v, []kube.Drift{{Path: path, Live: int64(2)}, {Path: kube.Path{"metadata", "labels"}, Live: map[string]any{"x": "y"}, Secret: true}})
	if image := got.GetAttr("spec").GetAttr("list").Index(cty.Zero).GetAttr("image"); !image.RawEquals(cty.NumberIntVal(2)) {
		t.Errorf("image %#v", image)
	}
	if !mschema.IsSensitive(got.GetAttr("metadata").GetAttr("labels")) {
		t.Error("a secret is not marked")
	}
}

func TestRanksPutWebhooksLast(t *testing.T) {
	t.Parallel()
	order := []schema.GroupKind{
		{Kind: "Namespace"}, {Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}, {Kind: "ServiceAccount"},
		{Group: "rbac.authorization.k8s.io", Kind: "Role"}, {Group: "rbac.authorization.k8s.io", Kind: "RoleBinding"}, {Kind: "ConfigMap"},
		{Kind: "Service"}, {Group: "apps", Kind: "Deployment"}, {Group: "policy.linkerd.io", Kind: "Server"},
		{Group: "admissionregistration.k8s.io", Kind: "MutatingWebhookConfiguration"},
	}
	if !slices.IsSortedFunc(order, func(a, b schema.GroupKind) int { return kube.Rank(a) - kube.Rank(b) }) {
		t.Error("kinds are out of order")
	}
}

func TestNoConnectionBeforeItIsNeeded(t *testing.T) {
	t.Parallel()
	proxy := testenv.NewProxy(t, nil)
	c := connect(proxy.Kubeconfig)
	if _, err := c.Dynamic(); err != nil {
		t.Fatal(err)
	}
	if got := proxy.Requests(); len(got) > 0 {
		t.Errorf("requests before use: %v", got)
	}
}

func TestSecretsAreNotInRecordsOrTexts(t *testing.T) {
	r := newRig(t)
	const planted = "planted-secret-value"
	text := `{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: NS}, stringData: {k: ` + planted + `}}`
	want := r.objects(text)
	plan := r.plan(kube.Record{}, none, want...)
	rec := r.apply(kube.Record{}, plan, none, want...).Record
	state := r.again().read(rec, want...)
	if len(state.Objects[0].Drift) > 0 || r.plan(state.Record, none, want...).Changed() {
		t.Errorf("stringData is not stable: %v", state.Objects[0].Drift)
	}
	bad := r.objects(strings.Replace(text, "{k:", "{bad key:", 1))
	d := r.planError(rec, none, bad...)
	for _, said := range []string{string(plan.Private), string(rec.Encode()), d.Detail} {
		if strings.Contains(said, planted) || strings.Contains(said, "cGxhbnRlZC1zZWNyZXQtdmFsdW") {
			t.Errorf("leaked: %s", said)
		}
	}
}
