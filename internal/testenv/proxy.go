package testenv

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// Proxy stands between a client and the real API server: it notes every request, and can answer some itself, as a
// server in trouble would.
type Proxy struct {
	// Kubeconfig is the path of a kubeconfig that leads through the proxy, with all rights.
	Kubeconfig string

	mu       sync.Mutex // guards requests
	requests []string
}

// NewProxy starts a proxy for the time of the test. Trouble may answer a request instead of the server and then
// returns true; nil never does.
func NewProxy(t testing.TB, trouble func(http.ResponseWriter, *http.Request) bool) *Proxy {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", Kubeconfig(t))
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{}
	forward := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     transport,
		FlushInterval: -1, // watches
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.requests = append(p.requests, r.Method+" "+r.URL.RequestURI())
		p.mu.Unlock()
		if trouble == nil || !trouble(w, r) {
			forward.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	p.Kubeconfig = filepath.Join(t.TempDir(), "proxy.kubeconfig")
	if err := clientcmd.WriteToFile(api.Config{
		Clusters:       map[string]*api.Cluster{"proxy": {Server: server.URL}},
		Contexts:       map[string]*api.Context{"proxy": {Cluster: "proxy"}},
		CurrentContext: "proxy",
	}, p.Kubeconfig); err != nil {
		t.Fatal(err)
	}
	return p
}

// Requests returns the requests since the last call, in order: method and path with query.
func (p *Proxy) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := slices.Clone(p.requests)
	p.requests = nil
	return out
}
