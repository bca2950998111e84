package chart

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/zclconf/go-cty/cty"
)

func TestMissingChart(t *testing.T) {
	dir := t.TempDir()
	writeChart(t, dir, "linkerd-crds", nil)
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	outside := t.TempDir()
	writeChart(t, outside, "secret", nil)
	if err := os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	writeChart(t, dir, "leaky", nil)
	if err := os.Symlink("/etc/hostname", filepath.Join(dir, "leaky", "hostname")); err != nil {
		t.Fatal(err)
	}
	writeChart(t, dir, "broken", map[string]string{"Chart.yaml": "name: [\n"})
	writeChart(t, dir, "lacking", map[string]string{"Chart.yaml": "apiVersion: v2\nname: lacking\nversion: 1.0.0\ndependencies: [{ name: partials, version: 0.1.0 }]\n"})
	writeChart(t, dir, "library", map[string]string{"Chart.yaml": "apiVersion: v2\nname: library\nversion: 1.0.0\ntype: library\n"})
	tests := []struct {
		name string
		src  Source
		want []string
	}{
		{"misspelt", Source{Path: "linkerd-crd"}, []string{"chart.not-found path", dir, `"linkerd-crds"`}},
		{"no chart", Source{Path: "empty"}, []string{"chart.not-found path", "holds no Chart.yaml"}},
		{"outside", Source{Path: "../x"}, []string{"chart.outside path", "leads out"}},
		{"absolute", Source{Path: "/etc"}, []string{"chart.outside path"}},
		{"link out", Source{Path: "link"}, []string{"chart.outside path", "symbolic link"}},
		{"link inside", Source{Path: "leaky"}, []string{"chart.outside path", "symbolic link"}},
		{"broken", Source{Path: "broken"}, []string{"chart.invalid path", "Chart.yaml"}},
		{"dependencies", Source{Path: "lacking"}, []string{"partials", "helm dependency build"}},
		{"library", Source{Path: "library"}, []string{"library for other charts"}},
		{"digest", Source{Path: "linkerd-crds", Digest: "sha256:" + strings.Repeat("0", 64)}, []string{"chart.digest digest"}},
		{"nothing", Source{}, []string{"chart.source path", "set path"}},
		{"both", Source{Path: "x", Repository: "https://h/x"}, []string{"Remove one of them"}},
		{"no version", Source{Repository: "https://h/x", Name: "a"}, []string{"chart.source version"}},
		{"scheme", Source{Repository: "ftp://h/x", Name: "a", Version: "1"}, []string{`not by "ftp"`}},
		{"bad digest", Source{Path: "x", Digest: "sha1:00"}, []string{"64 hexadecimal digits"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, ds := Load(t.Context(), tt.src, LoadOptions{BaseDir: dir})
			if !ds.HasErrors() {
				t.Error("no error")
			}
			wantDiagnostics(t, ds, tt.want...)
		})
	}
}

func TestDigestOfDirectoryIsItsContent(t *testing.T) {
	dir := t.TempDir()
	digest := func() string {
		c, ds := Load(t.Context(), Source{Path: "app"}, LoadOptions{BaseDir: dir})
		noErrors(t, ds)
		return c.Digest()
	}
	writeChart(t, dir, "app", map[string]string{"templates/c.yaml": "a"})
	first := digest()
	writeChart(t, dir, "app", map[string]string{"templates/c.yaml": "a"})
	if again := digest(); again != first {
		t.Errorf("the digest of equal files changed from %s to %s", first, again)
	}
	writeChart(t, dir, "app", map[string]string{"templates/c.yaml": "b"})
	if changed := digest(); changed == first {
		t.Error("the digest of other files is the same")
	}
}

// pack makes a packaged chart.
func pack(t *testing.T, name, version string, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	w := tar.NewWriter(zip)
	all := map[string]string{"Chart.yaml": fmt.Sprintf("apiVersion: v2\nname: %s\nversion: %s\n", name, version)}
	for k, v := range files {
		all[k] = v
	}
	for k, v := range all {
		if err := w.WriteHeader(&tar.Header{Name: name + "/" + k, Mode: 0o644, Size: int64(len(v))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(v)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func digestOf(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// repository serves an index with versions 1.0.0, 1.2.0 and 2.0.0-rc.1 of one chart, and one whose digest is wrong.
func repository(t *testing.T) (url string, packed []byte, requests *atomic.Int32) {
	t.Helper()
	packed = pack(t, "app", "1.2.0", map[string]string{"templates/c.yaml": configMap + "  x: y\n"})
	requests = &atomic.Int32{}
	mux := http.NewServeMux()
	mux.HandleFunc("/charts/index.yaml", func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if user, password, ok := r.BasicAuth(); ok && (user != "me" || password != "s3cret") {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		fmt.Fprintf(w, `apiVersion: v1
entries:
  app:
  - { version: 2.0.0-rc.1, urls: [app-2.tgz], digest: %[1]s }
  - { version: 1.0.0, urls: [app-1.tgz] }
  - { version: 1.2.0, urls: [app-1.2.0.tgz], digest: %[1]s }
  forged:
  - { version: 1.0.0, urls: [app-1.2.0.tgz], digest: %[2]s }
  gone:
  - { version: 1.0.0, urls: [nowhere.tgz] }
`, digestOf(packed), strings.Repeat("0", 64))
	})
	mux.HandleFunc("/charts/app-1.2.0.tgz", func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		w.Write(packed)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL + "/charts", packed, requests
}

func TestRepository(t *testing.T) {
	url, packed, requests := repository(t)
	options := LoadOptions{CacheDir: t.TempDir()}
	src := Source{Repository: url, Name: "app", Version: "~1.0"}
	src.Version = ">=1.0, <2"
	c, ds := Load(t.Context(), src, options)
	noErrors(t, ds)
	if c.Version() != "1.2.0" || c.Digest() != "sha256:"+digestOf(packed) {
		t.Errorf("loaded %s with %s", c.Version(), c.Digest())
	}
	if n := requests.Load(); n != 2 {
		t.Errorf("%d requests, want the index and the chart", n)
	}
	_, ds = Load(t.Context(), src, options)
	noErrors(t, ds)
	if n := requests.Load(); n != 3 {
		t.Errorf("%d requests after loading again, want one more for the index", n)
	}
	src.Digest = c.Digest()
	options.Offline = true
	_, ds = Load(t.Context(), src, options)
	noErrors(t, ds)
	if n := requests.Load(); n != 3 {
		t.Errorf("a cached chart with a digest cost %d requests", n-3)
	}
	// A damaged file in the cache is not used.
	if err := os.WriteFile(cache{dir: options.CacheDir}.file(c.Digest()), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, ds = Load(t.Context(), src, options)
	wantDiagnostics(t, ds, "chart.fetch repository", "not in the cache")
	options.Offline = false
	_, ds = Load(t.Context(), src, options)
	noErrors(t, ds)
}

func TestRepositoryErrors(t *testing.T) {
	url, _, _ := repository(t)
	withPassword := strings.Replace(url, "http://", "http://me:s3cret@", 1)
	tests := []struct {
		name string
		src  Source
		want []string
	}{
		{"no chart", Source{Repository: url, Name: "apps", Version: "1.0.0"}, []string{"chart.not-found chart", `Did you mean "app"?`}},
		{"no version", Source{Repository: url, Name: "app", Version: "3.0.0"}, []string{"chart.not-found version", "The newest version is 1.2.0"}},
		{"not a range", Source{Repository: url, Name: "app", Version: "newest"}, []string{"it is not a range"}},
		{"forged", Source{Repository: url, Name: "forged", Version: "1.0.0"}, []string{"chart.digest repository", "Chart does not match its repository"}},
		{"pinned", Source{Repository: url, Name: "app", Version: "1.2.0", Digest: "sha256:" + strings.Repeat("1", 64)}, []string{"chart.digest digest"}},
		{"gone", Source{Repository: url, Name: "gone", Version: "1.0.0"}, []string{"chart.fetch repository", "404"}},
		{"no index", Source{Repository: withPassword + "/deeper", Name: "app", Version: "1.0.0"}, []string{"404"}},
		{"password", Source{Repository: strings.Replace(withPassword, "me:", "you:", 1), Name: "app", Version: "1.0.0"}, []string{"401", "you:xxxxx@"}},
		{"offline", Source{Repository: url, Name: "app", Version: "1.2.0"}, []string{"Set digest"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, ds := Load(t.Context(), tt.src, LoadOptions{CacheDir: t.TempDir(), Offline: tt.name == "offline"})
			if !ds.HasErrors() {
				t.Error("no error")
			}
			wantDiagnostics(t, ds, tt.want...)
			if strings.Contains(summarize(ds), "s3cret") {
				t.Error("a password is quoted")
			}
		})
	}
}

// registryServer is the smallest OCI registry from which a chart can be pulled.
func registryServer(t *testing.T, packed []byte) *httptest.Server {
	t.Helper()
	blobs := map[string][]byte{}
	descriptor := func(mediaType string, b []byte) map[string]any {
		blobs["sha256:"+digestOf(b)] = b
		return map[string]any{"mediaType": mediaType, "digest": "sha256:" + digestOf(b), "size": len(b)}
	}
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": descriptor("application/vnd.cncf.helm.config.v1+json", []byte(`{"name":"app","version":"1.2.0"}`)),
		"layers": []any{descriptor("application/vnd.cncf.helm.chart.content.v1.tar+gzip", packed)},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/v2/charts/app/"), "/")
		switch {
		case r.URL.Path == "/v2/":
		case parts[0] == "tags":
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"name":"charts/app","tags":["1.0.0","1.2.0","latest"]}`)
		case parts[0] == "manifests" && (parts[1] == "1.2.0" || parts[1] == "sha256:"+digestOf(manifest)):
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			w.Header().Set("Docker-Content-Digest", "sha256:"+digestOf(manifest))
			w.Write(manifest)
		case parts[0] == "blobs" && blobs[parts[1]] != nil:
			w.Write(blobs[parts[1]])
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func TestRegistry(t *testing.T) {
	packed := pack(t, "app", "1.2.0", map[string]string{"templates/c.yaml": configMap + "  x: y\n"})
	server := registryServer(t, packed)
	t.Setenv("HELM_REGISTRY_CONFIG", filepath.Join(t.TempDir(), "none.json"))
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	src := Source{Repository: strings.Replace(server.URL, "http://", "oci://", 1) + "/charts", Name: "app", Version: "^1"}
	options := LoadOptions{CacheDir: t.TempDir()}
	c, ds := Load(t.Context(), src, options)
	noErrors(t, ds)
	if c.Version() != "1.2.0" || c.Digest() != "sha256:"+digestOf(packed) {
		t.Errorf("loaded %s with %s", c.Version(), c.Digest())
	}
	src.Version = "1.3.0"
	_, ds = Load(t.Context(), src, options)
	wantDiagnostics(t, ds, "chart.fetch repository")
	src.Version, src.Digest = "1.2.0", "sha256:"+strings.Repeat("1", 64)
	_, ds = Load(t.Context(), src, options)
	wantDiagnostics(t, ds, "chart.digest digest")
}

func TestOversizedAnswersAreRefused(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chunk := make([]byte, 1<<20)
		for range maxIndexBytes>>20 + 2 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	_, ds := Load(t.Context(), Source{Repository: server.URL, Name: "app", Version: "1"}, LoadOptions{CacheDir: t.TempDir()})
	wantDiagnostics(t, ds, "chart.fetch repository", "larger than")
}

func TestExampleOfTheTypeIsValid(t *testing.T) {
	rt := New(nil, nil)
	body := rt.Schema().Example
	body = body[strings.Index(body, "{")+1 : strings.LastIndex(body, "}")]
	in := &instance{t: t, rt: rt}
	config := in.config(body, nil)
	if problems := rt.Schema().Validate(config); len(problems) > 0 {
		t.Errorf("problems = %+v", problems)
	}
	wrong := with(config, "version", cty.NullVal(cty.String))
	if problems := rt.Schema().Validate(wrong); len(problems) != 1 || problems[0].Path[0].(cty.GetAttrStep).Name != "version" {
		t.Errorf("problems without a version = %+v", problems)
	}
}
