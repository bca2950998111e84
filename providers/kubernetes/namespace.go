package kubernetes

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// CodeNotEmpty: a namespace that is to be deleted holds objects that meshplan does not manage.
const CodeNotEmpty diag.Code = "k8s.namespace-not-empty"

// namespaceForm writes a Namespace down by its name and metadata.
type namespaceForm struct{}

func newNamespace(cluster func() *kube.Cluster) providers.ResourceType {
	n := &namespace{single{form: namespaceForm{}, cluster: cluster, schema: &schema.Resource{
		Coexist:  coexists(namespaceForm{}),
		Import:   importNamespace,
		Critical: &schema.Critical{Why: "everything in the namespace goes with it"},
		Summary:  "A namespace",
		Description: `Makes a namespace. Labels and annotations are ordinary ones: ` + "`linkerd.io/inject = \"enabled\"`" + ` asks for injection of the pods that are made from
then on (` + "`linkerd_injection`" + ` also restarts and proves them).

A namespace is deleted after everything that this configuration made in it. It is not deleted while it holds objects of others, unless
` + "`force_delete_contents`" + ` is set.`,
		Example: `resource "kubernetes_namespace" "shop" {
  name = "shop"

  annotations = {
    "linkerd.io/inject" = "enabled"
  }
}`,
		Block: schema.Block{Attributes: with(optionAttributes(), map[string]*schema.Attribute{
			"name":        {Type: cty.String, Required: true, Replace: true, Description: "Name of the namespace.", Validate: dnsLabel},
			"labels":      {Type: cty.Map(cty.String), Optional: true, Description: "Labels to set. Others are left alone."},
			"annotations": {Type: cty.Map(cty.String), Optional: true, Description: "Annotations to set. Others are left alone."},
			"force_delete_contents": {Type: cty.Bool, Optional: true, Default: cty.False,
				Description: "Delete the namespace even when it holds objects that meshplan did not make: they are lost."},
		})},
	}}}
	n.beforeDelete = refuseContents
	return n
}

// namespace is kubernetes_namespace.
type namespace struct{ single }

func dnsLabel(v cty.Value) error {
	if problems := validation.IsDNS1123Label(v.AsString()); len(problems) > 0 {
		return fmt.Errorf("%q: %s", v.AsString(), strings.Join(problems, "; "))
	}
	return nil
}

func (namespaceForm) desired(v cty.Value) (kube.Desired, hcl.Diagnostics) {
	return named("v1", "Namespace", v, []field{labelsField, annotationsField}), nil
}

// named builds an object from the attributes name, namespace (if there is one) and maps of strings.
func named(apiVersion, kind string, v cty.Value, fields []field) kube.Desired {
	metadata := map[string]any{}
	d := kube.Desired{Object: &unstructured.Unstructured{Object: map[string]any{"apiVersion": apiVersion, "kind": kind, "metadata": metadata}}}
	for _, name := range []string{"name", "namespace"} {
		if !v.Type().HasAttribute(name) {
			continue
		}
		switch a := v.GetAttr(name); {
		case !a.IsKnown():
			d.Unknown = append(d.Unknown, kube.Path{"metadata", name})
		case !a.IsNull() && a.AsString() != "":
			metadata[name] = a.AsString()
		}
	}
	put(&d, v, fields)
	return d
}

func (namespaceForm) present(recorded cty.Value, drift []kube.Drift) cty.Value {
	return take(recorded, drift, []field{labelsField, annotationsField})
}

func (namespaceForm) computed(kube.Ref) map[string]cty.Value                 { return map[string]cty.Value{} }
func (namespaceForm) options(v cty.Value, _ providers.Owner) kube.SetOptions { return optionsOf(v) }
func (namespaceForm) body() []string                                         { return []string{"name", "labels", "annotations"} }
func (namespaceForm) identity() cty.Path                                     { return cty.GetAttrPath("name") }
func (namespaceForm) protect(v cty.Value) cty.Value                          { return v }

// Order implements providers.Orderer.
func (n *namespace) Order(config cty.Value) providers.Order {
	if config.IsNull() || !config.IsKnown() || schema.Text(config.GetAttr("name")) == "" {
		return providers.Order{}
	}
	return providers.Order{Provides: []providers.Tag{NamespaceTag(schema.Text(config.GetAttr("name"))), ObjectTag("Namespace", "", schema.Text(config.GetAttr("name")))}}
}

// refuseContents keeps a namespace that holds what is not ours.
func refuseContents(ctx context.Context, c *kube.Cluster, prior cty.Value, owner providers.Owner) hcl.Diagnostics {
	if prior.GetAttr("force_delete_contents").True() {
		return nil
	}
	name := schema.Text(prior.GetAttr("name"))
	kinds, err := c.Kinds(ctx)
	if err != nil {
		return c.Diagnose(err, "list", kube.Ref{Kind: "objects", Namespace: name})
	}
	var mu sync.Mutex // guards foreign
	var foreign []string
	var group errgroup.Group
	group.SetLimit(8)
	for _, m := range kinds {
		if !m.Namespaced || incidental(m) {
			continue
		}
		group.Go(func() error {
			found, err := c.ListMetadata(ctx, m.GVK, kube.ListOptions{Namespace: name, Labels: kube.LabelState + "!=" + kube.StateLabel(owner.Lineage)})
			if err != nil {
				return nil // a kind that cannot be listed (RBAC, a broken aggregated API) does not hold the namespace back
			}
			mu.Lock()
			defer mu.Unlock()
			for _, o := range found {
				if !byItself(m.GVK.Kind, o) {
					foreign = append(foreign, m.GVK.Kind+" "+o.Name)
				}
			}
			return nil
		})
	}
	_ = group.Wait() // the functions report through foreign
	if len(foreign) == 0 {
		return nil
	}
	slices.Sort(foreign)
	const most = 20
	list := strings.Join(foreign[:min(len(foreign), most)], ", ")
	if len(foreign) > most {
		list += fmt.Sprintf(" and %d more", len(foreign)-most)
	}
	return hcl.Diagnostics{diag.Errorf(CodeNotEmpty, "Namespace is not empty", "Namespace %s holds objects that this state did not make: %s. They would be lost. Move or delete them, set `force_delete_contents = true`, or keep the namespace with `on_destroy = \"orphan\"`.", name, diag.Scrub(list))}
}

// incidental lists kinds that come and go by themselves.
func incidental(m kube.Mapping) bool {
	switch m.GVK.Kind {
	case "Event", "EndpointSlice", "Endpoints", "Lease", "PodMetrics", "ControllerRevision", "LocalSubjectAccessReview", "Binding":
		return true
	}
	return false
}

// byItself reports whether the cluster made the object, or it goes with another.
func byItself(kind string, o *metav1.PartialObjectMetadata) bool {
	return len(o.OwnerReferences) > 0 || o.DeletionTimestamp != nil ||
		kind == "ServiceAccount" && o.Name == "default" || kind == "ConfigMap" && o.Name == "kube-root-ca.crt"
}
