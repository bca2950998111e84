package chart

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// guarded lets only me in.
func guarded(next http.Handler, refused *atomic.Int32) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "me" || password != "s3cret" {
			refused.Add(1)
			w.Header().Set("WWW-Authenticate", `Basic realm="charts"`)
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func TestLogin(t *testing.T) {
	packed := pack(t, "app", "1.2.0", map[string]string{"templates/c.yaml": configMap + "  x: y\n"})
	var refused atomic.Int32
	// The packages lie on another host, which must not see the password.
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("the password was sent to another host")
		}
		_, _ = w.Write(packed)
	}))
	t.Cleanup(elsewhere.Close)
	index := httptest.NewServer(guarded(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "apiVersion: v1\nentries:\n  app:\n  - { version: 1.2.0, urls: [%s/app.tgz], digest: %s }\n", elsewhere.URL, digestOf(packed))
	}), &refused))
	t.Cleanup(index.Close)
	registry := registryServer(t, packed)
	inner := registry.Config.Handler
	registry.Config.Handler = guarded(inner, &refused)
	for name, src := range map[string]Source{
		"repository": {Repository: index.URL, Name: "app", Version: "1.2.0"},
		"registry":   {Repository: ociPrefix + strings.TrimPrefix(registry.URL, "http://") + "/charts", Name: "app", Version: "1.2.0"},
	} {
		t.Run(name, func(t *testing.T) {
			_, ds := Load(t.Context(), src, LoadOptions{CacheDir: t.TempDir()})
			wantDiagnostics(t, ds, "chart.fetch repository")
			src.Username, src.Password = "me", "s3cret"
			c, ds := Load(t.Context(), src, LoadOptions{CacheDir: t.TempDir()})
			noErrors(t, ds)
			if c.Version() != "1.2.0" {
				t.Errorf("loaded %s", c.Version())
			}
			src.Password = "wr0ng"
			_, ds = Load(t.Context(), src, LoadOptions{CacheDir: t.TempDir()})
			if !ds.HasErrors() || strings.Contains(summarize(ds), "wr0ng") {
				t.Errorf("with a wrong password: %s", summarize(ds))
			}
		})
	}
	if refused.Load() == 0 {
		t.Error("nobody was refused")
	}
	half := Source{Repository: index.URL, Name: "app", Version: "1.2.0", Username: "me"}
	if ds := half.validate(); !ds.HasErrors() {
		t.Error("a login without a password was accepted")
	}
}
