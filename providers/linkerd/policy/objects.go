package policy

import (
	"context"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// add files one live or planned object. An object of a kind that does not matter here is ignored.
func (o *Objects) add(u *unstructured.Unstructured, names identityNamer, cluster []Network) error {
	key := Key{u.GetNamespace(), u.GetName()}
	var err error
	switch u.GetKind() {
	case "Server":
		var s Server
		if s, err = parseServer(u); err == nil {
			if i := slices.IndexFunc(o.Servers, func(old Server) bool { return old.Name == s.Name }); i >= 0 && s.Created.IsZero() {
				s.Created = o.Servers[i].Created // a planned update does not change its age
			}
			o.Servers = append(slices.DeleteFunc(o.Servers, func(old Server) bool { return old.Name == s.Name }), s)
		}
	case "AuthorizationPolicy":
		var a Authorization
		if a, err = parseAuthorization(u); err == nil {
			o.Authorizations = append(slices.DeleteFunc(o.Authorizations, func(old Authorization) bool { return old.Name == a.Name }), a)
		}
	case "MeshTLSAuthentication":
		if o.Identities == nil {
			o.Identities = map[Key][]string{}
		}
		o.Identities[key], err = parseIdentities(u, names)
	case "NetworkAuthentication":
		if o.Networks == nil {
			o.Networks = map[Key][]Network{}
		}
		o.Networks[key], err = parseNetworks(u)
	case "ServerAuthorization":
		var l Legacy
		if l, err = parseLegacy(u, names, cluster); err == nil {
			o.Legacy = append(slices.DeleteFunc(o.Legacy, func(old Legacy) bool { return old.Name == l.Name }), l)
		}
	case "HTTPRoute", "GRPCRoute":
		r, accepted, perr := parseRoute(u)
		if err = perr; err == nil {
			o.Routes = slices.DeleteFunc(o.Routes, func(old Route) bool { return old.Group == r.Group && old.Kind == r.Kind && old.Name == r.Name })
		}
		if err == nil && accepted {
			o.Routes = append(o.Routes, r)
		}
	}
	return err
}

// kinds are the kinds that decide about inbound traffic; those that are looked up in every namespace are marked,
// because a policy may refer to an authentication elsewhere.
func policyKinds() []struct {
	schema.GroupKind
	everywhere bool
} {
	return []struct {
		schema.GroupKind
		everywhere bool
	}{
		{schema.GroupKind{Group: policyGroup, Kind: "Server"}, false},
		{schema.GroupKind{Group: policyGroup, Kind: "AuthorizationPolicy"}, false},
		{schema.GroupKind{Group: policyGroup, Kind: "ServerAuthorization"}, false},
		{schema.GroupKind{Group: policyGroup, Kind: "HTTPRoute"}, false},
		{schema.GroupKind{Group: gatewayGroup, Kind: "HTTPRoute"}, false},
		{schema.GroupKind{Group: gatewayGroup, Kind: "GRPCRoute"}, false},
		{schema.GroupKind{Group: policyGroup, Kind: "MeshTLSAuthentication"}, true},
		{schema.GroupKind{Group: policyGroup, Kind: "NetworkAuthentication"}, true},
	}
}

// LoadObjects reads the policy objects of a namespace. Kinds that the cluster does not serve have no objects.
func LoadObjects(ctx context.Context, c *kube.Cluster, e env.Env, namespace string, d Defaults) (Objects, error) {
	var o Objects
	for _, k := range policyKinds() {
		versions, err := c.ServedVersions(ctx, k.GroupKind)
		if err != nil {
			return o, err
		}
		if len(versions) == 0 {
			continue
		}
		options := kube.ListOptions{Namespace: namespace}
		if k.everywhere {
			options.Namespace = ""
		}
		found, err := c.List(ctx, k.WithVersion(versions[0]), options)
		if k.everywhere && apierrors.IsForbidden(err) {
			found, err = c.List(ctx, k.WithVersion(versions[0]), kube.ListOptions{Namespace: namespace})
		}
		if err != nil {
			return o, err
		}
		for _, u := range found {
			if err := o.add(u, e, d.ClusterNetworks); err != nil {
				return o, err
			}
		}
	}
	return o, nil
}

// remove takes out what is planned to go.
func (o *Objects) remove(namespace string, gone []kube.ID) {
	for _, id := range gone {
		in := id.Namespace == namespace
		switch id.Kind {
		case "Server":
			o.Servers = slices.DeleteFunc(o.Servers, func(s Server) bool { return in && s.Name == id.Name })
		case "AuthorizationPolicy":
			o.Authorizations = slices.DeleteFunc(o.Authorizations, func(a Authorization) bool { return in && a.Name == id.Name })
		case "ServerAuthorization":
			o.Legacy = slices.DeleteFunc(o.Legacy, func(l Legacy) bool { return in && l.Name == id.Name })
		case "MeshTLSAuthentication":
			delete(o.Identities, Key{id.Namespace, id.Name})
		case "NetworkAuthentication":
			delete(o.Networks, Key{id.Namespace, id.Name})
		case "HTTPRoute", "GRPCRoute":
			o.Routes = slices.DeleteFunc(o.Routes, func(r Route) bool { return in && r.Group == id.Group && r.Kind == id.Kind && r.Name == id.Name })
		}
	}
}
