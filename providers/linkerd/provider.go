package linkerd

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/policy"
)

// CodeProviderUnknown: the provider block refers to something that is known only after apply.
const CodeProviderUnknown diag.Code = "linkerd.provider-unknown"

// Options are what the provider needs of the program. The zero value reads charts from the working directory and goes
// by the machine's clock.
type Options struct {
	// BaseDir is the configuration directory, to which the paths of charts are relative. It is asked for when a chart is
	// loaded.
	BaseDir func() string
	// Now judges certificates.
	Now func() time.Time
	// Manifests are Linkerd's objects that the kubernetes provider plans; nil means that nothing is known of them.
	Manifests *Manifests
}

// New returns the factory of the provider. All instances share the pool.
func New(pool *kube.Pool, o Options) providers.Factory {
	if o.BaseDir == nil {
		o.BaseDir = func() string { return "." }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return func() providers.Provider {
		p := &provider{pool: pool, now: o.Now, settings: settings{namespace: "linkerd", clusterDomain: "cluster.local", trustDomain: "cluster.local"},
			world: policy.NewWorld(), manifests: o.Manifests}
		p.world.Others = o.Manifests.planned
		p.types, p.data = register(p, o)
		return p
	}
}

// provider is one configured block. The settings are fixed by Configure before any other call that needs them.
type provider struct {
	pool     *kube.Pool
	settings settings
	now      func() time.Time
	world    *policy.World
	// manifests may be nil.
	manifests *Manifests
	types     map[string]providers.ResourceType
	data      map[string]providers.DataSource
}

// settings are the values of the provider block.
type settings struct {
	connection                            kube.Connection
	namespace, clusterDomain, trustDomain string
}

func (p *provider) cluster() *kube.Cluster { return p.pool.Cluster(p.settings.connection) }

// Schema implements providers.Provider.
func (p *provider) Schema() *schema.Block {
	attributes := map[string]*schema.Attribute{
		"namespace": {Type: cty.String, Optional: true, Default: cty.StringVal("linkerd"), Validate: validNamespace,
			Description: "Namespace of the control plane."},
		"cluster_domain": {Type: cty.String, Optional: true, Default: cty.StringVal("cluster.local"), Validate: validDomain,
			Description: "The cluster's DNS domain."},
		"trust_domain": {Type: cty.String, Optional: true, Validate: validDomain,
			Description: "The domain that ends every identity of the mesh. The default is `cluster_domain`."},
	}
	maps.Copy(attributes, kube.ConnectionAttributes())
	return &schema.Block{Attributes: attributes}
}

// Configure implements providers.Provider. It makes no connection.
func (p *provider) Configure(_ context.Context, config cty.Value) hcl.Diagnostics {
	var ds hcl.Diagnostics
	for _, name := range slices.Sorted(maps.Keys(p.Schema().Attributes)) {
		if !config.GetAttr(name).IsWhollyKnown() {
			ds = append(ds, diag.At(diag.Errorf(CodeProviderUnknown, "Provider configuration not known",
				"The value of %s is known only after apply, but a plan must know which mesh it is for. Use a variable or a literal.", name), cty.GetAttrPath(name)))
		}
	}
	if ds.HasErrors() {
		return ds
	}
	read := func(name string, into *string) {
		if v := config.GetAttr(name); !v.IsNull() {
			*into = v.AsString()
		}
	}
	s := p.settings
	s.connection = kube.ConnectionOf(config)
	read("namespace", &s.namespace)
	read("cluster_domain", &s.clusterDomain)
	s.trustDomain = s.clusterDomain
	read("trust_domain", &s.trustDomain)
	p.settings = s
	return nil
}

func validNamespace(v cty.Value) error {
	if !regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`).MatchString(v.AsString()) {
		return errors.New("a namespace consists of at most 63 lower-case letters, digits and hyphens")
	}
	return nil
}

func validDomain(v cty.Value) error {
	if s := v.AsString(); len(s) > 253 || !regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`).MatchString(s) {
		return errors.New("a domain consists of labels of lower-case letters, digits and hyphens, with dots between them")
	}
	return nil
}

// Identity implements providers.Identifier.
func (p *provider) Identity(ctx context.Context) (string, hcl.Diagnostics) {
	return p.cluster().Identity(ctx)
}

// ResourceTypes implements providers.Provider.
func (p *provider) ResourceTypes() map[string]providers.ResourceType { return p.types }

// DataSources implements providers.Provider.
func (p *provider) DataSources() map[string]providers.DataSource { return p.data }
