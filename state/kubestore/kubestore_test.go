package kubestore

import (
	"context"
	"flag"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/state"
	"github.com/meshplan/meshplan/state/statetest"
)

func TestMain(m *testing.M) {
	// The model makes many calls, and each of them is a request to a real API server.
	if err := flag.Set("rapid.checks", "15"); err != nil {
		panic(err)
	}
	testenv.Main(m, testenv.Options{})
}

var ctx = context.Background()

var someone = state.Holder{ID: "h1", User: "ann", Host: "ci", PID: 7, Command: "meshplan apply"}

// lease is short, so that tests see it end.
const short = 2 * time.Second

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Kubeconfig == "" {
		o.Kubeconfig = testenv.Kubeconfig(t)
	}
	if o.LeaseDuration == 0 {
		o.LeaseDuration = short
	}
	s, err := Open(o)
	ok(t, err)
	return s
}

func TestStore(t *testing.T) { suite(t, limits{}) }

// TestStoreFolding runs the suite with limits so small that nearly every commit spills or folds.
func TestStoreFolding(t *testing.T) { suite(t, limits{tail: 200, part: 600, fold: 2000}) }

func suite(t *testing.T, small limits) {
	namespace := testenv.Namespace(t)
	name := func(t testing.TB, name string) string {
		test := t.Name()[strings.LastIndex(t.Name(), "/")+1:]
		return strings.ToLower(test) + "-" + name
	}
	statetest.Run(t, statetest.Harness{
		Open: func(t testing.TB, n string, o statetest.Options) state.Store {
			s := open(t, Options{Namespace: namespace, Name: name(t, n), Keep: o.Keep, Keys: o.Keys})
			if small.tail > 0 {
				s.limits = small
			}
			return s
		},
		Abandon:  func(_ testing.TB, s state.Session) { s.(*kubeSession).commits.held.end() },
		Patience: 10 * time.Second,
		Damage: func(t testing.TB, n string) {
			secrets := testenv.Dynamic(t).Resource(secretsResource).Namespace(namespace)
			object, err := secrets.Get(ctx, "meshplan-"+name(t, n), metav1.GetOptions{})
			ok(t, err)
			object.Object["data"] = map[string]any{contentKey: "H4sIAAAA"}
			_, err = secrets.Update(ctx, object, metav1.UpdateOptions{})
			ok(t, err)
		},
	})
}
