package testenv

import (
	"crypto/rand"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
)

// Dynamic returns a client with all rights, for what a test sets up or changes behind the product's back.
func Dynamic(t testing.TB) dynamic.Interface {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", Kubeconfig(t))
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// Name returns a name for an object that no other test has: the test's name and random letters, at most 50 bytes.
func Name(t testing.TB) string {
	t.Helper()
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(strings.TrimPrefix(t.Name(), "Test")))
	if len(name) > 40 {
		name = name[:40]
	}
	return strings.Trim(name, "-") + "-" + strings.ToLower(rand.Text()[:8])
}

// Namespace creates a namespace for the test and deletes it afterwards.
func Namespace(t testing.TB) string {
	t.Helper()
	namespaces := Dynamic(t).Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"})
	name := Name(t)
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name},
	}}
	ctx, cancel := setup()
	defer cancel()
	if _, err := namespaces.Create(ctx, object, metav1.CreateOptions{}); err != nil {
		t.Fatalf("namespace %s: %v", name, err)
	}
	t.Cleanup(func() {
		ctx, cancel := setup()
		defer cancel()
		if err := namespaces.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
			t.Logf("namespace %s stays: %v", name, err)
		}
	})
	return name
}
