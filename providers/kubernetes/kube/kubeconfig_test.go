package kube_test

import (
	"path/filepath"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// writeKubeconfig names a server that may not exist.
func writeKubeconfig(t *testing.T, server string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(api.Config{
		Clusters: map[string]*api.Cluster{"c": {Server: server, InsecureSkipTLSVerify: true}},
		Contexts: map[string]*api.Context{"c": {Cluster: "c"}}, CurrentContext: "c",
	}, path); err != nil {
		t.Fatal(err)
	}
	return path
}
