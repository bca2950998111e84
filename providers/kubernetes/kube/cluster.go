package kube

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/hcl/v2"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/metadata"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // kubeconfigs that name an auth provider instead of a command
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/transport"

	"github.com/meshplan/meshplan/internal/diag"
)

// Cluster is one API server as one user sees it. It connects when it is first needed. What it caches (discovery,
// which objects exist) belongs to one run.
type Cluster struct {
	options    Options
	connection Connection
	log        hclog.Logger
	warnings   warnings
	world      World
	discovery  discoveryCache
	inventory  inventory
	watches    watches

	once    sync.Once // guards clients and failed
	clients *clients
	failed  error

	mu       sync.Mutex // guards what follows
	identity string
	expected []string // UIDs that provider blocks name
	answered bool     // the server has answered in this run: it is there
	down     error    // the last failure to connect
	downAt   time.Time
	told     bool // people know that the server does not answer now
}

// clients share one HTTP connection pool.
type clients struct {
	config    *rest.Config
	context   string // of the kubeconfig; "" without one
	http      *http.Client
	raw       rest.Interface
	dynamic   dynamic.Interface
	metadata  metadata.Interface
	discovery *discovery.DiscoveryClient
}

// downFor is how long a failure to connect answers for the cluster, so that an unreachable one costs one time-out
// and not one per object.
const downFor = 5 * time.Second

func newCluster(o Options, c Connection) *Cluster {
	return &Cluster{options: o, connection: c, log: o.Logger.Named("kube")}
}

// errNoServer says that no kubeconfig names a server. Without this check client-go would try localhost.
var errNoServer = errors.New("no kubeconfig names an API server")

// connect reads the kubeconfig and makes the clients, once. It makes no request.
func (c *Cluster) connect() (*clients, error) {
	c.once.Do(func() { c.clients, c.failed = c.newClients() })
	if c.failed != nil {
		return nil, &UnreachableError{Context: c.connection.Context, Err: c.failed}
	}
	return c.clients, nil
}

func (c *Cluster) newClients() (*clients, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.WarnIfAllMissing = false
	if c.options.Kubeconfig != "" {
		rules.ExplicitPath = c.options.Kubeconfig
	}
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: c.connection.Context})
	config, err := loader.ClientConfig()
	if clientcmd.IsEmptyConfig(err) {
		return nil, errNoServer
	}
	if err != nil {
		return nil, err
	}
	if config.Host == "" {
		return nil, errNoServer
	}
	c.connection.impersonate(config)
	config.UserAgent = c.options.UserAgent
	config.QPS = -1 // the server's priority and fairness is the better judge; it answers 429 with a time to wait
	config.WarningHandlerWithContext = &c.warnings
	config.Dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext
	if config.BearerTokenFile != "" { // read again when the token is refused, and not only once a minute
		config.Wrap(transport.ResettableTokenSourceWrapTransport(transport.NewCachedFileTokenSource(config.BearerTokenFile)))
		config.BearerToken, config.BearerTokenFile = "", ""
	}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return newFlow(next) })
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	out := &clients{config: config, http: client, context: c.connection.Context}
	if raw, err := loader.RawConfig(); err == nil && out.context == "" {
		out.context = raw.CurrentContext
	}
	if out.dynamic, err = dynamic.NewForConfigAndClient(config, client); err != nil {
		return nil, err
	}
	if out.metadata, err = metadata.NewForConfigAndClient(metadata.ConfigFor(config), client); err != nil {
		return nil, err
	}
	if out.discovery, err = discovery.NewDiscoveryClientForConfigAndClient(config, client); err != nil {
		return nil, err
	}
	raw := dynamic.ConfigFor(config)
	raw.GroupVersion, raw.APIPath = nil, "/"
	if out.raw, err = rest.UnversionedRESTClientForConfigAndClient(raw, client); err != nil {
		return nil, err
	}
	return out, nil
}

// RESTConfig returns a copy of the configuration of the connection. It makes no request.
func (c *Cluster) RESTConfig() (*rest.Config, error) {
	k, err := c.connect()
	if err != nil {
		return nil, err
	}
	return rest.CopyConfig(k.config), nil
}

// Dynamic returns a client for any kind. It makes no request.
func (c *Cluster) Dynamic() (dynamic.Interface, error) {
	k, err := c.connect()
	if err != nil {
		return nil, err
	}
	return k.dynamic, nil
}

// Verifies reports whether the server is to be asked about every object, as Options.Verify says.
func (c *Cluster) Verifies() bool { return c.options.Verify }

// World is what this run plans and has not made yet.
func (c *Cluster) World() *World { return &c.world }

// Name says which cluster is meant, for people: the context, or the default one.
func (c *Cluster) Name() string {
	if c.connection.Context != "" {
		return "context " + c.connection.Context
	}
	return "the current context"
}

// expect remembers the UID that a provider block names.
func (c *Cluster) expect(uid string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if uid != "" && !slices.Contains(c.expected, uid) {
		c.expected = append(c.expected, uid)
	}
}

// Identity returns the UID of the kube-system namespace, which stands for the cluster. It is read once. A cluster that
// is not the one that a provider block names is refused.
func (c *Cluster) Identity(ctx context.Context) (string, hcl.Diagnostics) {
	c.mu.Lock()
	known, expected := c.identity, c.expected
	c.mu.Unlock()
	if known == "" {
		system := Ref{Version: "v1", Kind: "Namespace", Name: "kube-system"}
		u, err := c.getMetadata(ctx, namespaceMapping, system)
		if err == nil && u == nil {
			err = errors.New("the namespace kube-system does not exist")
		}
		if err != nil {
			return "", c.Diagnose(err, "get", system)
		}
		known = string(u.UID)
		c.mu.Lock()
		c.identity = known
		c.mu.Unlock()
	}
	for _, uid := range expected {
		if uid != known {
			return "", hcl.Diagnostics{diag.Errorf(CodeOtherCluster, "Wrong cluster",
				"The provider block is for the cluster whose kube-system namespace has the UID %s, but %s leads to %s. Choose the right one with --context or --kubeconfig, or correct `cluster_uid`.", uid, c.Name(), known)}
		}
	}
	return known, nil
}

// Version returns the server's version, for instance "v1.37.2".
func (c *Cluster) Version(ctx context.Context) (string, error) {
	k, err := c.connect()
	if err != nil {
		return "", err
	}
	var text string
	err = c.retry(ctx, func() error {
		v, err := k.discovery.ServerVersionWithContext(ctx)
		if err == nil {
			text = v.GitVersion
		}
		return err
	})
	return text, err
}
