package kubernetes

import (
	"fmt"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// coexists tells two objects of a type apart by what names them: kind, namespace and name. Two with one name are one
// object, so create_before_destroy needs a name that changes.
func coexists(f form) func(before, after cty.Value) string {
	return func(before, after cty.Value) string {
		was, ds := f.desired(before)
		now, more := f.desired(after)
		if ds.HasErrors() || more.HasErrors() || !identified(was) || !identified(now) {
			return ""
		}
		old := kube.Record{Objects: []kube.ObjectRecord{{Ref: kube.RefOf(was.Object)}}}
		if _, other := renamed(old, now); other {
			return ""
		}
		return fmt.Sprintf("both are %s, and a name stands for one object", kube.RefOf(now.Object))
	}
}

// Names implements providers.Namer for the types that have an importer: the id is apiVersion/kind/namespace/name,
// without the namespace for a kind that belongs to none.
func (s *single) Names(id string, value cty.Value) bool {
	desired, ds := s.desired(value)
	if ds.HasErrors() || !identified(desired) {
		return false
	}
	r := kube.RefOf(desired.Object)
	for _, namespace := range []string{r.Namespace, kube.DefaultNamespace, ""} {
		if r.Namespace != "" && namespace != r.Namespace {
			continue
		}
		end := "/" + r.Kind + "/" + strings.TrimPrefix(namespace+"/"+r.Name, "/")
		version, ok := strings.CutSuffix(id, end)
		group, _, grouped := strings.Cut(version, "/")
		if ok && (grouped && group == r.Group || !grouped && r.Group == "") {
			return true
		}
	}
	return false
}
