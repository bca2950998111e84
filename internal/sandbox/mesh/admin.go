package mesh

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/meshplan/meshplan/internal/sandbox/handover"
)

// admin answers at the admin ports of proxies and of the identity controller.
type admin struct{ keeper *keeper }

// proxyAdmin serves one connection to a proxy's admin port: plain HTTP, or TLS with the proxy's own certificate.
// Requests that do not come from the pod's loopback, as forwarded ports do, are subject to policy.
func (a *admin) proxyAdmin(p *corev1.Pod, client netip.Addr) func(net.Conn) {
	return func(conn net.Conn) {
		r := bufio.NewReader(conn)
		first, err := r.Peek(1)
		if err != nil {
			conn.Close()
			return
		}
		var c net.Conn = &peekedConn{conn, r}
		const handshakeRecord = 0x16
		if first[0] == handshakeRecord {
			c = tls.Server(c, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return a.leafOf(p) }})
		}
		serveConn(c, a.proxyHandler(p, client))
	}
}

func (a *admin) leafOf(p *corev1.Pod) (*tls.Certificate, error) {
	a.keeper.mu.Lock()
	defer a.keeper.mu.Unlock()
	x := a.keeper.proxies[p.UID]
	if x == nil || x.leaf == nil {
		return nil, errors.New("the proxy has no certificate")
	}
	return &x.leaf.pair, nil
}

func (a *admin) proxyHandler(p *corev1.Pod, client netip.Addr) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /live", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "live") })
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, _ *http.Request) {
		if _, err := a.leafOf(p); err != nil {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) { a.proxyMetrics(w, p) })
	port, _ := strconv.Atoi(adminPort(p))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !client.IsLoopback() {
			s, _ := a.keeper.world.settingsOf(p.Labels[labelControlPlane])
			v := newPolicies(a.keeper.world, s).check(p, port, request{client: client, http: true, method: r.Method, path: r.URL.Path})
			if v.notFound {
				http.Error(w, "", http.StatusNotFound)
				return
			}
			if !v.allow {
				http.Error(w, "", http.StatusForbidden)
				return
			}
		}
		mux.ServeHTTP(w, r)
	})
}

func (a *admin) proxyMetrics(w http.ResponseWriter, p *corev1.Pod) {
	a.keeper.mu.Lock()
	defer a.keeper.mu.Unlock()
	x := a.keeper.proxies[p.UID]
	if x == nil {
		http.Error(w, "not ready", http.StatusServiceUnavailable)
		return
	}
	now := time.Now()
	set := func(name string, value float64, ls ...label) { x.metrics.at(name, ls, now).value = value }
	set("process_start_time_seconds", float64(x.started.UnixMilli())/1000)
	set("proxy_build_info", 1, label{"version", p.Annotations[annProxyVersion]}, label{"git_sha", ""},
		label{"profile", "release"}, label{"vendor", "sandbox"})
	set("rustls_info", 1, label{"tls_suites", "TLS13_AES_128_GCM_SHA256"}, label{"tls_kx_groups", "X25519MLKEM768"})
	if x.leaf != nil {
		set("control_identity_cert_expiration_timestamp_seconds", float64(x.leaf.notAfter.Unix()))
		set("control_identity_cert_refresh_timestamp_seconds", float64(x.leaf.notBefore.UnixMilli())/1000)
	}
	set("control_identity_cert_refreshes_total", float64(x.refreshes), label{"result", "ok"})
	if x.failures > 0 {
		set("control_identity_cert_refreshes_total", float64(x.failures), label{"result", "error"})
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	x.metrics.write(w, now)
}

// identityAdmin serves the admin port of an identity controller.
func (a *admin) identityAdmin(p *corev1.Pod) func(net.Conn) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ping", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "pong") })
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, _ *http.Request) {
		if !a.keeper.identity.started(p) {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		m := metrics{}
		now := time.Now()
		if i := a.keeper.identity.issuerOf(p); i != nil {
			m.add("issuer_cert_ttl_seconds", nil, i.chain[0].NotAfter.Sub(now).Seconds(), now)
		}
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		m.write(w, now)
	})
	return func(conn net.Conn) { serveConn(conn, mux) }
}

// plainAdmin serves the readiness of a component that only has to be there.
func plainAdmin(conn net.Conn) {
	serveConn(conn, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ready", "/ping", "/live":
			fmt.Fprintln(w, "ok")
		case "/metrics":
		default:
			http.NotFound(w, r)
		}
	}))
}

// serveConn serves one connection until it ends.
func serveConn(conn net.Conn, h http.Handler) {
	l := handover.New()
	srv := &http.Server{
		Handler: h, ErrorLog: log.New(io.Discard, "", 0), IdleTimeout: time.Minute,
		ConnState: func(_ net.Conn, s http.ConnState) {
			if s == http.StateClosed || s == http.StateHijacked {
				l.Close()
			}
		},
	}
	go l.Hand(conn)
	_ = srv.Serve(l)
}

// peekedConn returns first what was read ahead.
type peekedConn struct {
	net.Conn
	r *bufio.Reader
}

func (c *peekedConn) Read(p []byte) (int, error) { return c.r.Read(p) }
