package chart

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	k8syaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// The annotations of Helm that this package understands.
const (
	hookAnnotation       = "helm.sh/hook"
	hookWeightAnnotation = "helm.sh/hook-weight"
	policyAnnotation     = "helm.sh/resource-policy"
)

// Hook is an object that Helm would create around an installation. It is never applied.
type Hook struct {
	Object *unstructured.Unstructured
	// Events are when Helm would run it, for instance "post-install", sorted.
	Events []string
	// Weight orders hooks of one event, lower first.
	Weight int
	// Template is the file that it comes from.
	Template string
}

// Test reports whether the hook is a test, which only `helm test` runs.
func (h Hook) Test() bool {
	return slices.ContainsFunc(h.Events, func(e string) bool { return e == "test" || e == "test-success" })
}

// manifest is one rendered object and the template that it comes from.
type manifest struct {
	object   *unstructured.Unstructured
	template string
}

// parseManifests reads the objects in the output of templates, in order of template and place. Lists are taken apart.
// Texts from the chart appear in diagnostics as hidden leaves them.
func parseManifests(files map[string]string, hidden func(string) string) (out []manifest, ds hcl.Diagnostics) {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		report := func(format string, args ...any) {
			ds = append(ds, diag.Errorf(CodeManifest, "Template does not render an object", "The template %s: %s.", name, hidden(fmt.Sprintf(format, args...))))
		}
		documents := k8syaml.NewYAMLReader(bufio.NewReader(strings.NewReader(files[name] + "\n")))
		for {
			doc, err := documents.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				report("%s", scrub(err))
				break
			}
			found, err := parseDocument(doc)
			if err != nil {
				report("%s", scrub(err))
				continue
			}
			for _, u := range found {
				switch {
				case u.GetAPIVersion() == "" || u.GetKind() == "":
					report("an object lacks apiVersion or kind")
				case u.GetName() == "":
					report("the %s lacks metadata.name; generated names cannot be planned", u.GetKind())
				default:
					out = append(out, manifest{u, name})
				}
			}
		}
	}
	return out, ds
}

// parseDocument reads one YAML document: nothing, an object, or a list of objects.
func parseDocument(doc []byte) ([]*unstructured.Unstructured, error) {
	var probe any
	if err := yaml.Unmarshal(doc, &probe); err != nil {
		return nil, err
	}
	switch v := probe.(type) {
	case nil:
		return nil, nil
	case map[string]any:
		if len(v) == 0 {
			return nil, nil
		}
	default:
		return nil, fmt.Errorf("it renders a %T where an object belongs", probe)
	}
	raw, err := yaml.YAMLToJSON(doc)
	if err != nil {
		return nil, err
	}
	u := &unstructured.Unstructured{}
	if err := u.UnmarshalJSON(raw); err != nil {
		return nil, err
	}
	if !u.IsList() {
		return []*unstructured.Unstructured{u}, nil
	}
	var out []*unstructured.Unstructured
	err = u.EachListItem(func(o runtime.Object) error {
		item, ok := o.(*unstructured.Unstructured)
		if !ok {
			return fmt.Errorf("a list holds a %T", o)
		}
		out = append(out, item)
		return nil
	})
	return out, err
}

// sortOut separates hooks from objects and refuses repetitions.
func sortOut(all []manifest) (objects []manifest, hooks []Hook, ds hcl.Diagnostics) {
	from := make(map[kube.ID]string, len(all))
	for _, m := range all {
		if events := m.object.GetAnnotations()[hookAnnotation]; events != "" {
			hooks = append(hooks, newHook(m, events))
			continue
		}
		id := kube.RefOf(m.object).ID()
		if first, ok := from[id]; ok {
			ds = append(ds, diag.Errorf(CodeManifest, "Chart renders an object twice", "%s comes from %s and again from %s. One would overwrite the other.",
				kube.RefOf(m.object), first, m.template))
			continue
		}
		from[id] = m.template
		objects = append(objects, m)
	}
	slices.SortStableFunc(hooks, func(a, b Hook) int { return a.Weight - b.Weight })
	return objects, hooks, ds
}

func newHook(m manifest, events string) Hook {
	h := Hook{Object: m.object, Template: m.template}
	for e := range strings.SplitSeq(events, ",") {
		if e = strings.ToLower(strings.TrimSpace(e)); e != "" {
			h.Events = append(h.Events, e)
		}
	}
	slices.Sort(h.Events)
	h.Weight, _ = strconv.Atoi(m.object.GetAnnotations()[hookWeightAnnotation]) // Helm takes anything else for 0
	return h
}
