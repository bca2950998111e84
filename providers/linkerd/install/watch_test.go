package install_test

import (
	"slices"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/meshplan/meshplan/internal/testenv"
)

// change is something that happened to an object, at a revision of the store: watches of several kinds do not say in which order.
type change struct {
	at   int
	what string
}

func inOrder(all []change) {
	slices.SortStableFunc(all, func(a, b change) int { return a.at - b.at })
}

// follow sends what happens to objects of a kind from now on until the test ends; word returns "" for what is not told.
func (r *rollout) follow(gvr schema.GroupVersionResource, namespace string, to chan<- change, word func(watch.Event, *unstructured.Unstructured) string) {
	r.Helper()
	client := testenv.Dynamic(r.T).Resource(gvr).Namespace(namespace)
	list, err := client.List(r.Context(), metav1.ListOptions{})
	if err != nil {
		r.Fatal(err)
	}
	w, err := client.Watch(r.Context(), metav1.ListOptions{ResourceVersion: list.GetResourceVersion()})
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(w.Stop)
	go func() {
		for e := range w.ResultChan() {
			u, ok := e.Object.(*unstructured.Unstructured)
			if !ok {
				continue
			}
			if what := word(e, u); what != "" {
				at, err := strconv.Atoi(u.GetResourceVersion())
				if err != nil {
					r.Error(err)
				}
				to <- change{at, what}
			}
		}
	}()
}

// deleted is a word for deletions.
func deleted(what string) func(watch.Event, *unstructured.Unstructured) string {
	return func(e watch.Event, _ *unstructured.Unstructured) string {
		if e.Type != watch.Deleted {
			return ""
		}
		return what
	}
}
