package bench

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/meshplan/meshplan/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m, testenv.Options{}) }

var configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}

// configuration declares n ConfigMaps.
func configuration(namespace string, n int) string {
	return fmt.Sprintf(`
resource "kubernetes_manifest" "many" {
  count = %d
  manifest = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "cm-${count.index}", namespace = %q }
    data       = { index = tostring(count.index), text = "some text to carry about" }
  }
}`, n, namespace)
}

// floor creates n ConfigMaps with a bare client, 16 at a time. With marks they are the objects that an apply of ours makes: with
// a label for the state and an annotation for the owner, which cost the server something as well.
func floor(t *testing.T, config *rest.Config, namespace string, n int, marks bool) time.Duration {
	t.Helper()
	bare := rest.CopyConfig(config)
	bare.QPS = -1
	client, err := dynamic.NewForConfig(bare)
	if err != nil {
		t.Fatal(err)
	}
	work := make(chan int)
	var wg sync.WaitGroup
	errs := make(chan error, 16)
	start := time.Now()
	for range 16 {
		wg.Go(func() {
			for i := range work {
				metadata := fmt.Sprintf(`"name":"cm-%d"`, i)
				if marks {
					metadata += fmt.Sprintf(`,"labels":{"meshplan.dev/state":"d86d23046ed3"},"annotations":{"meshplan.dev/owner":"b6b49c20ae31e5f39093d351b4fdf22c/kubernetes_manifest.many[%d]"}`, i)
				}
				body := fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{%s},"data":{"index":"%d","text":"some text to carry about"}}`, metadata, i)
				if _, err := client.Resource(configMaps).Namespace(namespace).Patch(context.Background(), fmt.Sprintf("cm-%d", i), types.ApplyPatchType, []byte(body),
					metav1.PatchOptions{FieldManager: "bench"}); err != nil {
					select {
					case errs <- err:
					default:
					}
				}
			}
		})
	}
	for i := range n {
		work <- i
	}
	close(work)
	wg.Wait()
	took := time.Since(start)
	select {
	case err := <-errs:
		t.Fatal(err)
	default:
	}
	return took
}

// TestCluster compares a first apply with a bare client and measures the empty plan.
func TestCluster(t *testing.T) {
	enabled(t)
	kubeconfig := testenv.Kubeconfig(t)
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	budgets := map[int]time.Duration{500: 250 * time.Millisecond, 2000: 0, 5000: 800 * time.Millisecond}
	for _, n := range []int{500, 2000, 5000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			var dir, namespace string
			env := []string{"KUBECONFIG=" + kubeconfig}
			// One after the other in each round: what slows the machine down for a while slows all three.
			var bares, marked, applies []time.Duration
			for range rounds {
				bares = append(bares, floor(t, config, testenv.Namespace(t), n, false))
				namespace, dir = testenv.Namespace(t), t.TempDir()
				write(t, dir, "main.mesh.hcl", configuration(namespace, n))
				run(t, dir, env, 0, "plan", "--out", filepath.Join(dir, "saved.plan"))
				took, _ := run(t, dir, env, 0, "apply", "--auto-approve", filepath.Join(dir, "saved.plan"))
				applies = append(applies, took)
				marked = append(marked, floor(t, config, testenv.Namespace(t), n, true))
			}
			bare, same, apply := middle(bares), middle(marked), middle(applies)
			var rss int64
			empty := median(t, func() time.Duration {
				took, r := run(t, dir, env, 0, "plan", "--detailed-exitcode")
				rss = measured(t, r)
				return took
			})
			line(t, fmt.Sprintf("bare client applies %d ConfigMaps", n), bare, 0)
			line(t, fmt.Sprintf("bare client applies the objects that meshplan makes (%d)", n), same, 0)
			line(t, fmt.Sprintf("first apply of %d, journal and start-up included", n), apply, bare*13/10)
			line(t, fmt.Sprintf("empty plan of %d", n), empty, budgets[n], fmt.Sprintf("%d MiB (budget 150)", rss>>20))
			ratio(t, fmt.Sprintf("first apply of %d against the bare client", n), quotient(applies, bares), 1.3)
			ratio(t, fmt.Sprintf("first apply of %d against the same objects", n), quotient(applies, marked), 1.5)
		})
	}
}
