package kube_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// TestNote: what is kept is there for the next run, other entries stay, and two runs do not overwrite each other.
func TestNote(t *testing.T) {
	namespace := testenv.Namespace(t)
	note := func() *kube.Note {
		return kube.NewPool(kube.Options{Kubeconfig: testenv.Kubeconfig(t)}).Cluster(kube.Connection{}).Note(namespace, "told", "drift.json")
	}
	load := func(n *kube.Note, want string) {
		t.Helper()
		if got, err := n.Load(t.Context()); err != nil || string(got) != want {
			t.Fatalf("Load = %q, %v; want %q", got, err, want)
		}
	}
	first, second := note(), note()
	load(first, "")
	load(second, "")
	if err := first.Keep(t.Context(), []byte("one")); err != nil {
		t.Fatal(err)
	}
	if err := second.Keep(t.Context(), []byte("mine")); err == nil {
		t.Error("a note that somebody else has made meanwhile was overwritten")
	}
	load(second, "one")

	maps := testenv.Dynamic(t).Resource(configMaps).Namespace(namespace)
	u, err := maps.Get(t.Context(), "told", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_ = unstructured.SetNestedField(u.Object, "kept", "data", "other")
	if _, err := maps.Update(t.Context(), u, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := first.Keep(t.Context(), []byte("two")); err == nil || !strings.Contains(err.Error(), "changed by somebody else") {
		t.Errorf("after a change by others: %v", err)
	}
	load(first, "one")
	for _, text := range []string{"two", "three"} { // without loading in between
		if err := first.Keep(t.Context(), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	load(note(), "three")
	if u, err = maps.Get(t.Context(), "told", metav1.GetOptions{}); err != nil {
		t.Fatal(err)
	}
	if other, _, _ := unstructured.NestedString(u.Object, "data", "other"); other != "kept" {
		t.Errorf("the other entry is %q", other)
	}

	nobody := kube.NewPool(kube.Options{Kubeconfig: testenv.UserKubeconfig(t, "nobody")}).Cluster(kube.Connection{}).Note(namespace, "told", "drift.json")
	if _, err := nobody.Load(t.Context()); err == nil || !strings.Contains(err.Error(), "get") || !strings.Contains(err.Error(), "configmaps") {
		t.Errorf("without rights: %v", err)
	}
	if err := note().Keep(t.Context(), nil); err == nil {
		t.Error("without having loaded it, a note was replaced")
	}
}
