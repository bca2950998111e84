package kube

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers"
)

// The codes of diagnostics about rights.
const (
	// CodeGuessed: the plural name of a kind was guessed, because no cluster could be asked.
	CodeGuessed diag.Code = "rbac.guessed"
	// CodeKindUnknown: which kind of object it is follows from something that is known only after apply.
	CodeKindUnknown diag.Code = "rbac.kind-unknown"
)

// VersionRight is the right to ask for the server's version.
func VersionRight() providers.Right {
	return providers.Right{For: providers.ForPlan, URLs: []string{"/version"}, Verbs: []string{"get"}, Why: "learn the version of Kubernetes"}
}

// Place names the cluster and the identity in it, for roles.
func (c *Cluster) Place() string {
	place := c.Name()
	if c.connection.As != "" {
		place += " as " + c.connection.As
	}
	return place
}

// Location names the context and the address of the API server. It reads the kubeconfig and makes no request.
func (c *Cluster) Location() string {
	k, err := c.connect()
	if err != nil {
		return c.Place()
	}
	place := "the service account of the pod"
	if k.context != "" {
		place = "context " + k.context
	}
	if c.connection.As != "" {
		place += " as " + c.connection.As
	}
	return place + ", " + k.config.Host
}

// Scope is the address of the API server, or the name of the cluster where no kubeconfig gives one. It makes no request.
func (c *Cluster) Scope() string {
	k, err := c.connect()
	if err != nil {
		return c.Name()
	}
	return k.config.Host
}

// Authorize completes rights with plural names and scopes, and adds what every connection needs. Kinds that are neither
// compiled in nor brought by the configuration are asked of the cluster; when it does not answer they are guessed.
func (c *Cluster) Authorize(ctx context.Context, rights []providers.Right) ([]providers.Right, hcl.Diagnostics) {
	out := slices.Clone(rights)
	known := map[schema.GroupVersionKind]scope{}
	var guessed []string
	for i := range out {
		r := &out[i]
		if r.Resource == "" && len(r.URLs) == 0 {
			gvk := schema.GroupVersionKind{Group: r.Group, Version: r.Version, Kind: r.Kind}
			s, ok := known[gvk]
			if !ok {
				s = c.scopeOf(ctx, gvk, r.Namespace != "")
				if known[gvk] = s; s.guessed {
					guessed = append(guessed, fmt.Sprintf("%s of %s (taken for %q)", r.Kind, gvk.GroupVersion(), s.resource))
				}
			}
			r.Resource, r.Guessed = s.resource, s.guessed
			switch {
			case !s.namespaced:
				r.Namespace = ""
			case r.Namespace == "":
				r.Namespace = DefaultNamespace
			}
		}
		if r.Namespace == AnyNamespace {
			r.Namespace = ""
		}
	}
	own := func(right providers.Right) { out = append(out, right) }
	own(providers.Right{For: providers.ForDrift, Resource: "namespaces", Names: []string{"kube-system"}, Verbs: []string{"get"}, Why: "tell this cluster from others"})
	own(providers.Right{For: providers.ForDrift, URLs: []string{"/api", "/api/*", "/apis", "/apis/*"}, Verbs: []string{"get"}, Why: "learn which kinds there are"})
	if len(guessed) == 0 {
		return out, nil
	}
	slices.Sort(guessed)
	return out, hcl.Diagnostics{diag.Warningf(CodeGuessed, "Names of resources are guessed",
		"Neither meshplan nor the configuration knows how these kinds are called in roles, and %s does not say: %s. Correct the roles where that is wrong, or ask again when the cluster can be reached and serves them.",
		c.Name(), strings.Join(guessed, ", "))}
}

// scope is how a kind appears in roles.
type scope struct {
	resource            string
	namespaced, guessed bool
}

func (c *Cluster) scopeOf(ctx context.Context, gvk schema.GroupVersionKind, inNamespace bool) scope {
	if resource, namespaced, ok := builtin(gvk.GroupKind()); ok {
		return scope{resource: resource, namespaced: namespaced}
	}
	if m, ok := c.world.mapping(gvk); ok {
		return scope{resource: m.Resource.Resource, namespaced: m.Namespaced}
	}
	if m, err := c.Mapping(ctx, gvk); err == nil {
		return scope{resource: m.Resource.Resource, namespaced: m.Namespaced}
	}
	return scope{resource: plural(gvk.Kind), namespaced: inNamespace, guessed: true}
}

// Namespaced reports whether a kind is known, without asking the cluster, to belong to namespaces.
func (c *Cluster) Namespaced(gk schema.GroupKind) bool {
	if _, namespaced, ok := builtin(gk); ok {
		return namespaced
	}
	if versions := c.world.versions(gk); len(versions) > 0 {
		m, _ := c.world.mapping(gk.WithVersion(versions[0]))
		return m.Namespaced
	}
	return false
}
