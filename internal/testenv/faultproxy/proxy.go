package faultproxy

import (
	"errors"
	"io"
	"log"
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

// Rule says which requests a fault hits.
type Rule struct {
	// Match selects requests; nil selects all.
	Match func(*http.Request) bool
	// After lets that many matching requests pass first.
	After int
	// Every hits one in so many of those that follow: the first, then every n-th. Less than 2 hits all.
	Every int
	// Times ends the rule after so many hits; 0 never ends it.
	Times int
	Fault Fault
}

// Request is one that reached the proxy.
type Request struct {
	Method, URI string // with the query
	Faulty      bool   // whether a rule hit it
}

// Proxy stands between clients and an API server. It is safe for concurrent use.
type Proxy struct {
	// Kubeconfig is the path of a kubeconfig that leads through the proxy, with the rights of the one given to New.
	Kubeconfig string
	// URL is where the proxy listens.
	URL string

	mu       sync.Mutex // guards what follows
	rules    []*counted
	requests []Request
}

// counted is a rule and how often it matched and hit.
type counted struct {
	Rule
	seen, hits int
}

// errLost ends a response that must not reach the client.
var errLost = errors.New("answer lost")

// New starts a proxy before the cluster of a kubeconfig, for the time of the test. Of the rules that match a request
// the first whose turn it is hits it.
func New(t testing.TB, kubeconfig string, rules ...Rule) *Proxy {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
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
	p.Set(rules...)
	server := httptest.NewServer(p.handler(target, transport))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	p.URL = server.URL
	p.Kubeconfig = filepath.Join(t.TempDir(), "faultproxy.kubeconfig")
	if err := clientcmd.WriteToFile(api.Config{
		Clusters:       map[string]*api.Cluster{"proxy": {Server: server.URL}},
		Contexts:       map[string]*api.Context{"proxy": {Cluster: "proxy"}},
		CurrentContext: "proxy",
	}, p.Kubeconfig); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *Proxy) handler(target *url.URL, transport http.RoundTripper) http.Handler {
	quiet := log.New(io.Discard, "", 0) // lost connections are what this is for
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fault := p.next(r)
		if fault.before != nil && fault.before(w, r) {
			return
		}
		forward := &httputil.ReverseProxy{
			Rewrite:       func(out *httputil.ProxyRequest) { out.SetURL(target) },
			Transport:     transport,
			FlushInterval: -1, // watches
			ErrorLog:      quiet,
			ErrorHandler:  func(w http.ResponseWriter, _ *http.Request, _ error) { hangUp(w) },
			ModifyResponse: func(answer *http.Response) error {
				if fault.after != nil {
					if err := fault.after(answer); err != nil {
						return err
					}
				}
				if fault.reset {
					return errLost
				}
				return nil
			},
		}
		forward.ServeHTTP(w, r)
	})
}

// next notes a request and returns what happens to it.
func (p *Proxy) next(r *http.Request) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	noted := Request{Method: r.Method, URI: r.URL.RequestURI()}
	var fault Fault
	for _, rule := range p.rules {
		if !noted.Faulty && rule.hit(r) {
			fault, noted.Faulty = rule.Fault, true
		}
	}
	p.requests = append(p.requests, noted)
	return fault
}

// hit counts a request and reports whether the rule's fault is its.
func (c *counted) hit(r *http.Request) bool {
	if c.Match != nil && !c.Match(r) {
		return false
	}
	c.seen++
	turn := c.seen - c.After - 1
	if turn < 0 || c.Times > 0 && c.hits >= c.Times || c.Every > 1 && turn%c.Every != 0 {
		return false
	}
	c.hits++
	return true
}

// Set replaces the rules. Counting starts again.
func (p *Proxy) Set(rules ...Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = nil
	for _, r := range rules {
		p.rules = append(p.rules, &counted{Rule: r})
	}
}

// Requests returns the requests since the last call, in order.
func (p *Proxy) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := slices.Clone(p.requests)
	p.requests = nil
	return out
}

// Hits returns how often each rule hit, in their order.
func (p *Proxy) Hits() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]int, 0, len(p.rules))
	for _, r := range p.rules {
		out = append(out, r.hits)
	}
	return out
}
