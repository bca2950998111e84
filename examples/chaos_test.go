package examples

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/meshplan/meshplan/internal/testenv"
)

// chaos is a configuration that wants something else in every round: objects appear, change, are replaced (the new one
// first, under another name) and go, and half of them refer to the other half.
const chaos = `
variable "namespace" { type = string }
variable "round" { type = number }

locals {
  keys = toset([for i in range(12 + var.round % 5) : format("k%02d", (i * 7 + var.round * 3) % 23)])
}

resource "kubernetes_manifest" "base" {
  for_each = local.keys
  manifest = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "base-${each.key}", namespace = var.namespace }
    data       = { round = tostring(floor(var.round / 2)) }
  }
}

resource "kubernetes_manifest" "top" {
  for_each = local.keys
  manifest = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "top-${each.key}-${var.round % 3}", namespace = var.namespace }
    data       = { base = kubernetes_manifest.base[each.key].uid }
  }
  lifecycle {
    create_before_destroy = true
  }
}

output "names" {
  value = sort(concat([for m in kubernetes_manifest.base : m.name], [for m in kubernetes_manifest.top : m.name]))
}
`

// TestChaos kills applies at random instructions while two operators compete for one state, lets a run finish now and
// then, and looks for what must never be: objects that nobody knows of, records of nothing, plans that are not empty.
// MESHPLAN_CHAOS sets the number of kills (make chaos); by default there are a few.
func TestChaos(t *testing.T) {
	kills := 12
	if text := os.Getenv("MESHPLAN_CHAOS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("MESHPLAN_CHAOS=%s is not a number", text)
		}
		kills = n
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	ns := testenv.Namespace(t)
	w := newWorkspace(t, "")
	w.env = append(w.env, "MESHPLAN_VAR_namespace="+ns, "MESHPLAN_VAR_round=0")
	w.write("main.mesh.hcl", chaos)

	var killed, ended, refused, settled int
	for round := 0; killed < kills; round++ {
		w.env[len(w.env)-1] = fmt.Sprintf("MESHPLAN_VAR_round=%d", round)
		var mu sync.Mutex // guards the counters
		var both sync.WaitGroup
		for range 2 {
			first := time.Duration(random.IntN(400)) * time.Millisecond
			second := time.Duration(random.IntN(400)) * time.Millisecond
			both.Go(func() {
				for _, patience := range []time.Duration{first, second} {
					code := w.killAfter(patience)
					mu.Lock()
					switch code {
					case -1:
						killed++
					case 4:
						refused++
					default:
						ended++
					}
					mu.Unlock()
				}
			})
		}
		both.Wait()
		if round%3 == 2 || killed >= kills {
			w.must(0, "apply", "--auto-approve", "--summary")
			w.must(0, "plan", "--detailed-exitcode")
			checkSame(t, w, ns, fmt.Sprintf("round %d", round))
			settled++
		}
	}
	t.Logf("%d kills, %d runs that ended before, %d that found the state locked; %d times brought to rest: nothing orphaned, doubled or lost", killed, ended, refused, settled)
	w.must(0, "destroy", "--auto-approve", "--summary")
	checkListsNothing(w)
	if left := mapsIn(t, ns); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// killAfter applies and kills the process after a while. The result is the exit code, -1 when it was killed.
func (w *workspace) killAfter(patience time.Duration) int {
	cmd := w.command(w.t.Context(), "apply", "--auto-approve", "--summary", "--progress", "quiet")
	if err := cmd.Start(); err != nil {
		w.t.Error(err)
		return 0
	}
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode()
}

// checkSame compares what the configuration wants, what the state records and what is there.
func checkSame(t *testing.T, w *workspace, ns, when string) {
	t.Helper()
	var want []string
	if err := json.Unmarshal([]byte(w.must(0, "output", "--json", "names").stdout), &want); err != nil {
		t.Fatal(err)
	}
	if got := mapsIn(t, ns); !slices.Equal(got, want) {
		t.Errorf("%s: the cluster has %v, wanted are %v", when, got, want)
	}
	recorded := 0
	for range w.lines("state", "list") {
		recorded++
	}
	if recorded != len(want) {
		t.Errorf("%s: %d records for %d objects", when, recorded, len(want))
	}
}

// lines runs a command and returns what it printed, by line.
func (w *workspace) lines(args ...string) []string {
	w.t.Helper()
	return slices.DeleteFunc(strings.Split(w.must(0, args...).stdout, "\n"), func(s string) bool { return s == "" })
}

// mapsIn lists what is in a namespace besides what the cluster puts into every one.
func mapsIn(t *testing.T, ns string) (names []string) {
	t.Helper()
	all, err := testenv.Dynamic(t).Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace(ns).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all.Items {
		if m.GetName() != "kube-root-ca.crt" {
			names = append(names, m.GetName())
		}
	}
	slices.Sort(names)
	return names
}
