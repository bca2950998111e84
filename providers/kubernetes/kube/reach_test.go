package kube_test

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

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

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
		fmt.Fprint(w, `{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"kube-system","uid":"u-1"}}`)
	})}
	time.AfterFunc(1600*time.Millisecond, func() {
		if l, err := net.Listen("tcp", at); err == nil {
			_ = server.Serve(l)
		}
	})
	defer server.Close()
	path := filepath.Join(t.TempDir(), "config")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\nclusters: [{name: a, cluster: {server: %q}}]\ncontexts: [{name: a, context: {cluster: a, user: a}}]\nusers: [{name: a, user: {}}]\ncurrent-context: a\n", "http://"+at)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var said []string
	c := kube.NewPool(kube.Options{Kubeconfig: path, Waiting: func(text string) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, text)
	}}).Cluster(kube.Connection{})
	if uid, ds := c.Identity(t.Context()); ds.HasErrors() || uid != "u-1" {
		t.Fatal(uid, ds)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(said) != 2 || !strings.Contains(said[0], "Waiting for the API server of the current context") || !strings.Contains(said[1], "answers again") {
		t.Errorf("said %q", said)
	}
}
