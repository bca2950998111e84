package install

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers/kubernetes/chart"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
)

// annotationAnchors, in the pod templates of an extension, names the trust anchors that its proxies start with. Proxies
// read them once, so that a template that names others restarts them, and the rotation of an anchor can go on.
const annotationAnchors = "meshplan.dev/trust-anchors"

// anchored puts the annotation into the pod templates of a rendering, or notes that it is not known yet. It does nothing
// where the configuration does not say the anchors.
func anchored(r *chart.Rendered, config cty.Value) {
	anchors := config.GetAttr("trust_anchors_pem")
	if anchors.IsNull() {
		return
	}
	for _, u := range r.Objects {
		if !slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet"}, u.GetKind()) || u.GroupVersionKind().Group != "apps" {
			continue
		}
		at := []string{"spec", "template", "metadata", "annotations", annotationAnchors}
		value := "known after apply"
		if anchors.IsKnown() {
			value = anchorsName(schema.Text(anchors))
		} else {
			path := kube.Path{}
			for _, s := range at {
				path = append(path, s)
			}
			if r.Unknown == nil {
				r.Unknown = map[kube.ID][]kube.Path{}
			}
			id := kube.RefOf(u).ID()
			r.Unknown[id] = append(r.Unknown[id], path)
		}
		_ = unstructured.SetNestedField(u.Object, value, at...) // a template without metadata that is no map is refused by the server
	}
}

// anchorsName is a short name of a bundle, whatever the order and layout of its certificates.
func anchorsName(text string) string {
	bundle, err := pki.ParseBundle([]byte(text))
	if err != nil { // the schema has said so
		return ""
	}
	prints := bundle.Fingerprints()
	slices.Sort(prints)
	sum := sha256.Sum256([]byte(strings.Join(prints, " ")))
	return hex.EncodeToString(sum[:8])
}
