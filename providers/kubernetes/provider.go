package kubernetes

import (
	"context"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/chart"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// CodeProviderUnknown: the provider block refers to something that is known only after apply.
const CodeProviderUnknown diag.Code = "k8s.provider-unknown"

// New returns the factory of the provider. All instances share the pool. BaseDir is the directory of the
// configuration, to which the paths of charts are relative; it is asked for when a chart is loaded.
func New(pool *kube.Pool, baseDir func() string) providers.Factory {
	return func() providers.Provider {
		p := &provider{pool: pool}
		p.types = map[string]providers.ResourceType{
			"kubernetes_manifest":        newManifest(p.cluster),
			"kubernetes_namespace":       newNamespace(p.cluster),
			"kubernetes_secret":          newSecret(p.cluster),
			"kubernetes_metadata":        newMetadata(p.cluster),
			"kubernetes_rollout_restart": newRestart(p.cluster),
			"kubernetes_chart":           chart.New(p.cluster, baseDir),
		}
		p.data = map[string]providers.DataSource{
			"kubernetes_object":  &objectSource{cluster: p.cluster},
			"kubernetes_objects": &objectsSource{cluster: p.cluster},
			"kubernetes_cluster": &clusterSource{cluster: p.cluster},
		}
		return p
	}
}

// provider is one configured block. The connection is set by Configure before any other call that needs it.
type provider struct {
	pool       *kube.Pool
	connection kube.Connection
	types      map[string]providers.ResourceType
	data       map[string]providers.DataSource
}

func (p *provider) cluster() *kube.Cluster { return p.pool.Cluster(p.connection) }

// Schema implements providers.Provider.
func (p *provider) Schema() *schema.Block {
	return &schema.Block{Attributes: kube.ConnectionAttributes()}
}

// Configure implements providers.Provider. It makes no connection.
func (p *provider) Configure(_ context.Context, config cty.Value) hcl.Diagnostics {
	for _, name := range slices.Sorted(maps.Keys(kube.ConnectionAttributes())) {
		if !config.GetAttr(name).IsWhollyKnown() {
			return hcl.Diagnostics{diag.At(diag.Errorf(CodeProviderUnknown, "Provider configuration not known",
				"The value of %s is known only after apply, but a plan must know which cluster it is for. Use a variable or a literal.", name), cty.GetAttrPath(name))}
		}
	}
	p.connection = kube.ConnectionOf(config)
	return nil
}

// Identity implements providers.Identifier.
func (p *provider) Identity(ctx context.Context) (string, hcl.Diagnostics) {
	return p.cluster().Identity(ctx)
}

// Marked implements providers.Finder.
func (p *provider) Marked(ctx context.Context) ([]providers.Marked, hcl.Diagnostics) {
	return p.cluster().Marked(ctx)
}

// ResourceTypes implements providers.Provider.
func (p *provider) ResourceTypes() map[string]providers.ResourceType { return p.types }

// DataSources implements providers.Provider.
func (p *provider) DataSources() map[string]providers.DataSource { return p.data }
