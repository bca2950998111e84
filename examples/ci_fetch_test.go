package examples

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"
)

// releases serves a release of version 1.0.0 as goreleaser lays it out, with the program under test.
func releases(t *testing.T) (url, dir string) {
	t.Helper()
	dir = t.TempDir()
	there := filepath.Join(dir, "v1.0.0")
	if err := os.Mkdir(there, 0o700); err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("meshplan_1.0.0_%s_%s.tar.gz", runtime.GOOS, runtime.GOARCH)
	f, err := os.Create(filepath.Join(there, name))
	if err != nil {
		t.Fatal(err)
	}
	hash := sha256.New()
	z := gzip.NewWriter(io.MultiWriter(f, hash))
	tape := tar.NewWriter(z)
	b, err := os.ReadFile(program())
	if err != nil {
		t.Fatal(err)
	}
	err = tape.WriteHeader(&tar.Header{Name: "meshplan", Mode: 0o755, Size: int64(len(b))})
	if err == nil {
		_, err = tape.Write(b)
	}
	for _, c := range []io.Closer{tape, z, f} {
		if e := c.Close(); err == nil {
			err = e
		}
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(there, "checksums.txt"), fmt.Appendf(nil, "%064d  meshplan_1.0.0_plan9_mips.tar.gz\n%x  %s\n", 0, hash.Sum(nil), name), 0o600)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(there, "checksums.txt.sigstore.json"), []byte("{}"), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)
	return server.URL, there
}

// TestTemplatesFetch runs what the templates do to get meshplan: a whole release is taken, and none that is not the one in
// its checksums, in the hash that was written down, or in a signature that holds.
func TestTemplatesFetch(t *testing.T) {
	p := newPipeline(t)
	url, there := releases(t)
	var action struct {
		Runs struct {
			Steps []struct {
				Run string
				Env map[string]string
			}
		}
	}
	if err := yaml.Unmarshal([]byte(p.read("ci/github/setup-meshplan/action.yml")), &action); err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir() // where cosign stands, in its turn
	setup := func(sha string, code int) string {
		t.Helper()
		for k, v := range map[string]string{"inputs.version": "1.0.0", "inputs.sha256": sha, "inputs.base-url": url} {
			p.vars[k] = v
		}
		path := filepath.Join(t.TempDir(), "path")
		env := []string{"GITHUB_PATH=" + path, "PATH=" + bin + ":" + os.Getenv("PATH")}
		for k, v := range action.Runs.Steps[0].Env {
			env = append(env, k+"="+p.expand(v))
		}
		_, said := p.shell(action.Runs.Steps[0].Run, env, code)
		if code != 0 {
			if _, err := os.Stat(path); err == nil {
				t.Error("a release that was refused is on the path")
			}
			return said
		}
		if _, version := p.shell(strings.TrimSpace(p.read(path))+"/meshplan version", nil, 0); !strings.HasPrefix(version, "meshplan ") {
			t.Errorf("the program says %q", version)
		}
		return said
	}
	gitlab := func(code int) string {
		t.Helper()
		var job map[string]struct {
			Before    []string `yaml:"before_script"`
			Variables map[string]string
		}
		_, text, _ := strings.Cut(p.read("ci/gitlab/meshplan.gitlab-ci.yml"), "\n---\n")
		if err := yaml.Unmarshal([]byte(text), &job); err != nil {
			t.Fatal(err)
		}
		for k, v := range map[string]string{"inputs.dir": "live", "inputs.version": "1.0.0", "inputs.base-url": url} {
			p.vars[k] = v
		}
		env := []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir()} // without the program under test
		for k, v := range job[".meshplan"].Variables {
			env = append(env, k+"="+p.expand(v))
		}
		_, said := p.shell(strings.Join(job[".meshplan"].Before, "\n")+"\nmeshplan version\n", env, code)
		return said
	}

	setup("", 0)
	sums := p.read(filepath.Join(there, "checksums.txt"))
	good := strings.Fields(strings.Split(sums, "\n")[1])[0]
	setup(good, 0)
	setup(strings.Repeat("0", 64), 1)
	if said := gitlab(0); !strings.Contains(said, "OK\nmeshplan ") {
		t.Errorf("GitLab: %s", said)
	}

	p.write(filepath.Join(bin, "cosign"), "#!/bin/sh\necho \"cosign $*\"\ntest ! -e \"$COSIGN_REFUSES\"\n", 0o700)
	refuses := filepath.Join(t.TempDir(), "no")
	p.env = append(p.env, "COSIGN_REFUSES="+refuses)
	if said := setup("", 0); !strings.Contains(said, "cosign verify-blob --bundle checksums.txt.sigstore.json") {
		t.Errorf("the signature was not looked at: %s", said)
	}
	p.write(refuses, "", 0o600)
	setup("", 1)
	if err := os.Remove(filepath.Join(bin, "cosign")); err != nil {
		t.Fatal(err)
	}

	p.write(filepath.Join(there, "checksums.txt"), strings.Replace(sums, good, strings.Repeat("0", 64), 1), 0o600)
	setup("", 1)
	gitlab(1)
	p.write(filepath.Join(there, "checksums.txt"), strings.Split(sums, "\n")[0]+"\n", 0o600)
	if said := setup("", 1); !strings.Contains(said, "no checksum for meshplan_1.0.0_") {
		t.Errorf("an archive that the release does not know: %s", said)
	}
	gitlab(1)
}

// gitlabNotes stands in for the part of GitLab's API that keeps the notes of a merge request, two on a page.
type gitlabNotes struct {
	mu    sync.Mutex // guards what follows
	notes []gitlabNote
	asked []string
	last  int
}

type gitlabNote struct {
	ID     int    `json:"id"`
	Body   string `json:"body"`
	Author struct {
		ID int `json:"id"`
	} `json:"author"`
}

// ServeHTTP implements http.Handler.
func (g *gitlabNotes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	const all = "/api/v4/projects/3/merge_requests/7/notes"
	if r.Header.Get("PRIVATE-TOKEN") != "secret" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if r.Method != http.MethodGet {
		g.asked = append(g.asked, r.Method)
	}
	id, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, all+"/"))
	var sent struct{ Body string }
	switch {
	case r.Method == http.MethodGet && r.URL.Path == "/api/v4/user":
		fmt.Fprint(w, `{"id":42}`)
	case r.Method == http.MethodGet && r.URL.Path == all:
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		from, to := min(2*(page-1), len(g.notes)), min(2*page, len(g.notes))
		next := ""
		if to < len(g.notes) {
			next = strconv.Itoa(page + 1)
		}
		w.Header().Set("X-Next-Page", next)
		_ = json.NewEncoder(w).Encode(g.notes[from:to])
	case r.Method == http.MethodPost && r.URL.Path == all && json.NewDecoder(r.Body).Decode(&sent) == nil:
		g.last++
		n := gitlabNote{ID: 100 + g.last, Body: sent.Body}
		n.Author.ID = 42
		g.notes = append(g.notes, n)
		w.WriteHeader(http.StatusCreated)
	case r.Method == http.MethodPut && json.NewDecoder(r.Body).Decode(&sent) == nil:
		for i := range g.notes {
			if g.notes[i].ID == id {
				g.notes[i].Body = sent.Body
			}
		}
	case r.Method == http.MethodDelete:
		kept := g.notes[:0]
		for _, n := range g.notes {
			if n.ID != id {
				kept = append(kept, n)
			}
		}
		g.notes = kept
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// took returns the notes of the user and what was asked for since the last call.
func (g *gitlabNotes) took() (bodies []string, asked string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, n := range g.notes {
		if n.Author.ID == 42 {
			bodies = append(bodies, n.Body)
		}
	}
	asked = strings.Join(g.asked, " ")
	g.asked = nil
	return bodies, asked
}
