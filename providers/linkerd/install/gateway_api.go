package install

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/chart"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// The Gateway API, which Linkerd's chart can bring and which others in the cluster may bring or use as well.
const (
	gatewayGroup      = "gateway.networking.k8s.io"
	annotationBundle  = gatewayGroup + "/bundle-version"
	annotationChannel = gatewayGroup + "/channel"
	annotationPolicy  = "helm.sh/resource-policy"
)

// gatewayCRD reports whether an object is a definition of the Gateway API.
func gatewayCRD(u *unstructured.Unstructured) bool {
	return u.GetKind() == "CustomResourceDefinition" && strings.HasSuffix(u.GetName(), "."+gatewayGroup)
}

// keepGatewayAPI makes sure that definitions of the Gateway API outlive the chart, whatever its version says: with them
// the routes of everybody would go.
func keepGatewayAPI(r *chart.Rendered) {
	if r == nil {
		return
	}
	for _, u := range r.Objects {
		if gatewayCRD(u) && u.GetAnnotations()[annotationPolicy] != "keep" {
			a := u.GetAnnotations()
			if a == nil {
				a = map[string]string{}
			}
			a[annotationPolicy] = "keep"
			u.SetAnnotations(a)
		}
	}
}

// gatewayDefinition is what is known of one definition in the cluster.
type gatewayDefinition struct {
	*unstructured.Unstructured
	bundle string
}

// String says which one it is and who keeps it.
func (d gatewayDefinition) String() string {
	return fmt.Sprintf("%s (bundle %s, channel %s, kept by %s)", d.GetName(), orUnknown(d.bundle), orUnknown(d.GetAnnotations()[annotationChannel]), d.keeper())
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return scrub(s)
}

// keeper names who keeps a definition, as far as its marks tell.
func (d gatewayDefinition) keeper() string {
	if owner := d.GetAnnotations()[kube.AnnotationOwner]; owner != "" {
		return "the meshplan state of " + scrub(owner)
	}
	if tool := d.tool(); tool != "" {
		return tool
	}
	for _, f := range d.GetManagedFields() {
		if f.Operation == "Apply" || f.Manager == "kubectl-client-side-apply" {
			return "the field manager " + scrub(f.Manager)
		}
	}
	return "somebody unknown"
}

// tool names the tool that has marked a definition as its own, or "".
func (d gatewayDefinition) tool() string {
	labels, annotations := d.GetLabels(), d.GetAnnotations()
	switch {
	case annotations["meta.helm.sh/release-name"] != "":
		return fmt.Sprintf("the Helm release %s/%s", scrub(annotations["meta.helm.sh/release-namespace"]), scrub(annotations["meta.helm.sh/release-name"]))
	case labels["addonmanager.kubernetes.io/mode"] != "":
		return "the cluster's add-on manager"
	case annotations["linkerd.io/created-by"] != "":
		return "an installation of Linkerd (" + scrub(annotations["linkerd.io/created-by"]) + ")"
	}
	return ""
}

// newerBundle reports whether bundle a is certainly newer than b.
func newerBundle(a, b string) bool {
	x, errX := semver.NewVersion(a)
	y, errY := semver.NewVersion(b)
	return errX == nil && errY == nil && x.GreaterThan(y)
}

// gatewayAPI guards the Gateway API: definitions of others, and newer ones, are never overwritten, and what is there must
// be of use for Linkerd. Rendered may be nil.
func (t *crds) gatewayAPI(ctx context.Context, req providers.PlanRequest, rendered *chart.Rendered) (notes []string, ds hcl.Diagnostics) {
	if rendered == nil {
		return nil, nil
	}
	bring := map[string]*unstructured.Unstructured{}
	for _, u := range rendered.All() {
		if gatewayCRD(u) {
			bring[u.GetName()] = u
		}
	}
	names := []string{"httproutes." + gatewayGroup, "grpcroutes." + gatewayGroup}
	for name := range bring {
		names = append(names, name)
	}
	slices.Sort(names)
	c := t.env.Cluster()
	var missing []string
	for _, name := range slices.Compact(names) {
		r := definitionRef(name)
		u, err := c.Get(ctx, r)
		switch {
		case apierrors.IsForbidden(err):
			return notes, ds
		case err != nil:
			return notes, append(ds, c.Diagnose(err, "get", r)...)
		case u == nil:
			if bring[name] == nil && !c.World().PlansObject(r.ID()) {
				missing = append(missing, name)
			}
			continue
		}
		live := gatewayDefinition{u, u.GetAnnotations()[annotationBundle]}
		if ours := bring[name]; ours != nil {
			ds = append(ds, t.mayOverwrite(req, live, ours.GetAnnotations()[annotationBundle])...)
			continue
		}
		if v1 := servedVersions(u); !slices.Contains(v1, "v1") {
			ds = append(ds, diag.Warningf(CodeGatewayAPI, "Gateway API is too old for Linkerd",
				"The definition %s serves %s, but Linkerd reads v1. Routes of the Gateway API have no effect until whoever keeps it installs bundle v1.1.1 or later; Linkerd's own HTTPRoute works.", live, strings.Join(v1, ", ")))
		}
		if req.Prior.IsNull() {
			notes = append(notes, "The Gateway API is there and stays as it is: "+live.String()+".")
		}
	}
	if len(missing) > 0 && req.Prior.IsNull() {
		notes = append(notes, fmt.Sprintf("The cluster has no %s. Linkerd's own HTTPRoute works without; install the Gateway API, or set install_gateway_api = true, to use its routes.", strings.Join(missing, " and no ")))
	}
	return notes, ds
}

// mayOverwrite refuses to put the chart's copy of a definition over one of somebody else, or over a newer one.
func (t *crds) mayOverwrite(req providers.PlanRequest, live gatewayDefinition, bundle string) hcl.Diagnostics {
	at := cty.GetAttrPath("install_gateway_api")
	if newerBundle(live.bundle, bundle) {
		return hcl.Diagnostics{diag.At(diag.Errorf(CodeGatewayAPI, "Newer Gateway API would be overwritten",
			"The cluster has %s, and the chart would write bundle %s over it: fields and versions that routes use would vanish. Set install_gateway_api = false; what is there serves Linkerd as well.", live, orUnknown(bundle)), at)}
	}
	if strings.HasPrefix(live.GetAnnotations()[kube.AnnotationOwner], req.Lineage+"/") || schema.Text(req.Config.GetAttr("on_exists")) == kube.OnExistsAdopt && live.GetAnnotations()[kube.AnnotationOwner] == "" {
		return nil
	}
	return hcl.Diagnostics{diag.At(diag.Errorf(CodeGatewayAPI, "Gateway API belongs to somebody else",
		"The cluster has %s. Set install_gateway_api = false and leave it to its keeper, or take it over with on_exists = \"adopt\".", live), at)}
}

// servedVersions are the versions that a definition serves.
func servedVersions(crd *unstructured.Unstructured) (out []string) {
	versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
	for _, v := range versions {
		if m, ok := v.(map[string]any); ok && m["served"] == true {
			if name, ok := m["name"].(string); ok {
				out = append(out, name)
			}
		}
	}
	return out
}
