package kube

import (
	"strings"

	"github.com/zclconf/go-cty/cty"
	"k8s.io/client-go/rest"

	"github.com/meshplan/meshplan/internal/schema"
)

// Connection says which cluster a provider block means, and as whom. It is comparable. The zero value is the default of
// the Pool.
//
// The kubeconfig itself is never named by configuration: it may hold commands that log in, and whoever proposes a
// change must not be able to run one.
type Connection struct {
	// Context names a context of the kubeconfig.
	Context string
	// As and Groups impersonate a user; Groups holds one name a line.
	As, Groups string
	// UID is that of the kube-system namespace of the only cluster that may be meant; empty allows any.
	UID string
}

// ConnectionAttributes are those of a provider block that say which cluster it means.
func ConnectionAttributes() map[string]*schema.Attribute {
	return map[string]*schema.Attribute{
		"context":     {Type: cty.String, Optional: true, Description: "Context of the kubeconfig to use. The default is `--context`, then the current context."},
		"as":          {Type: cty.String, Optional: true, Description: "User to impersonate. Whoever runs the plan needs the right to."},
		"as_groups":   {Type: cty.List(cty.String), Optional: true, Description: "Groups to impersonate, together with `as`."},
		"cluster_uid": {Type: cty.String, Optional: true, Description: "UID of the `kube-system` namespace of the cluster that is meant. Any other cluster is refused, also before there is a state that remembers its own."},
	}
}

// ConnectionOf reads ConnectionAttributes from a configuration that is known.
func ConnectionOf(config cty.Value) Connection {
	c := Connection{Context: schema.Text(config.GetAttr("context")), As: schema.Text(config.GetAttr("as")), UID: schema.Text(config.GetAttr("cluster_uid"))}
	if groups := config.GetAttr("as_groups"); !groups.IsNull() {
		var names []string
		for _, g := range groups.AsValueSlice() {
			names = append(names, schema.Text(g))
		}
		c.Groups = strings.Join(names, "\n")
	}
	return c
}

// impersonate adds the user to a client's configuration.
func (c Connection) impersonate(config *rest.Config) {
	if c.As == "" && c.Groups == "" {
		return
	}
	config.Impersonate = rest.ImpersonationConfig{UserName: c.As}
	if c.Groups != "" {
		config.Impersonate.Groups = strings.Split(c.Groups, "\n")
	}
}
