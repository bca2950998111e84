package kubestore_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meshplan/meshplan/state/kubestore"
)

// kubeconfigOf writes a kubeconfig for a server without users.
func kubeconfigOf(t *testing.T, url string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\nclusters: [{name: a, cluster: {server: %q}}]\ncontexts: [{name: a, context: {cluster: a, user: a}}]\nusers: [{name: a, user: {}}]\ncurrent-context: a\n", url)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A server that is not there is reported while people still look, and not after the patience that a restart deserves.
func TestUnreachableIsReportedSoon(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	l.Close()
	for _, url := range []string{url, "http://no-such-host.invalid"} {
		s, err := kubestore.Open(kubestore.Options{Namespace: "x", Name: "y", Kubeconfig: kubeconfigOf(t, url)})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		start := time.Now()
		if _, err := s.Snapshot(t.Context()); err == nil || !strings.Contains(err.Error(), "cannot be reached") {
			t.Errorf("%s: %v", url, err)
		}
		if took := time.Since(start); took > 10*time.Second { // 3 s, and room for a busy machine
			t.Errorf("%s: reported after %s", url, took)
		}
	}
}

// Requests are repeated while a server comes up, and people are told once that it is waited for, and once that it is there.
func TestWaitingIsSaid(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	l.Close() // connections are refused until it is opened again
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`)
	})}
	time.AfterFunc(1600*time.Millisecond, func() {
		if l, err := net.Listen("tcp", at); err == nil {
			_ = server.Serve(l)
		}
	})
	defer server.Close()
	var mu sync.Mutex
	var said []string
	s, err := kubestore.Open(kubestore.Options{Namespace: "x", Name: "y", Kubeconfig: kubeconfigOf(t, "http://"+at), Waiting: func(text string) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, text)
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Snapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(said) != 2 || !strings.Contains(said[0], "Waiting for the API server") || !strings.Contains(said[1], "answers again") {
		t.Errorf("said %q", said)
	}
}
