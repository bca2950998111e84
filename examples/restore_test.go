package examples

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/internal/testenv/faultproxy"
)

// drawMaps makes a configuration of up to six ConfigMaps that refer to earlier ones. Between two such configurations
// objects appear, change, are replaced under another name, in either order, and go.
func drawMaps(t *rapid.T, label, namespace string) string {
	var b strings.Builder
	var earlier []string
	for i := range 6 {
		draw := func(what string, most int) int {
			return rapid.IntRange(0, most).Draw(t, fmt.Sprintf("%s %d %s", label, i, what))
		}
		if draw("is there", 3) == 0 {
			continue
		}
		name := fmt.Sprintf("m%d", i)
		fmt.Fprintf(&b, "resource \"kubernetes_manifest\" %q {\n  manifest = {\n    apiVersion = \"v1\"\n    kind = \"ConfigMap\"\n    metadata = { name = \"%s-%d\", namespace = %q }\n    data = {\n      value = \"v%d\"\n",
			name, name, draw("name", 1), namespace, draw("value", 2))
		for _, other := range earlier {
			if draw("refers to "+other, 2) == 0 {
				fmt.Fprintf(&b, "      %s = kubernetes_manifest.%s.name\n", other, other)
			}
		}
		b.WriteString("    }\n  }\n")
		if draw("creates first", 2) == 0 {
			b.WriteString("  lifecycle {\n    create_before_destroy = true\n  }\n")
		}
		b.WriteString("}\n")
		earlier = append(earlier, name)
	}
	b.WriteString("locals { unused = 1 }\n")
	return b.String()
}

// drawTrouble makes rules for a proxy that gets in the way of some requests.
func drawTrouble(t *rapid.T, label string) (rules []faultproxy.Rule) {
	for _, f := range []struct {
		name  string
		fault faultproxy.Fault
	}{
		{"reset", faultproxy.Reset()}, {"lose answer", faultproxy.LoseAnswer()},
		{"throttle", faultproxy.Refuse(http.StatusTooManyRequests, "slow down", time.Second)},
		{"refuse", faultproxy.Refuse(http.StatusForbidden, "not now", 0)},
	} {
		if n := rapid.IntRange(0, 6).Draw(t, label+" "+f.name); n > 1 {
			rules = append(rules, faultproxy.Rule{Match: faultproxy.Both(faultproxy.Writes, faultproxy.Path("/configmaps")), After: n, Every: 2 + n, Times: 4, Fault: f.fault})
		}
	}
	return rules
}

// TestRollbackRestoresTheCluster is the property of all rollbacks, on a real API server: whatever two configurations want
// and whatever goes wrong on the way, rolling back restores the former world, rolling that back restores the later one,
// and both do so twice.
func TestRollbackRestoresTheCluster(t *testing.T) {
	checks := flag.Lookup("rapid.checks").Value
	former, few := checks.String(), "1"
	if thorough() {
		few = "25"
	}
	if err := checks.Set(few); err != nil {
		t.Fatal(err)
	}
	defer checks.Set(former)
	proxy := faultproxy.New(t, testenv.Kubeconfig(t))
	rapid.Check(t, func(rt *rapid.T) {
		ns := testenv.Namespace(t)
		w := newWorkspace(t, "")
		w.dir = w.dir + "/" + ns
		if err := os.MkdirAll(w.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		w.env = append(w.env, "KUBECONFIG="+proxy.Kubeconfig)
		defer proxy.Set()
		reach := func(label string, args ...string) { // under trouble first, then in peace
			proxy.Set(drawTrouble(rt, label)...)
			for round := 0; ; round++ {
				if round == 3 {
					proxy.Set()
				}
				r := w.run(append(args, quietly...)...)
				switch {
				case r.code == 0, r.code == 1 && strings.Contains(r.stderr, "rollback.nothing"):
					proxy.Set()
					return
				case round == 6:
					rt.Fatalf("%s does not end: exit code %d\n%s", label, r.code, r.text())
				}
			}
		}
		contents := func() map[string]string {
			out := map[string]string{}
			for _, o := range list(t, configMaps, ns, "") {
				if b, err := json.Marshal(o.Object["data"]); err == nil && o.GetName() != "kube-root-ca.crt" {
					out[o.GetName()] = string(b)
				}
			}
			return out
		}
		last := func() string {
			var runs []struct{ Run int }
			if err := json.Unmarshal([]byte(w.must(0, "history", "--json", "--limit", "1").stdout), &runs); err != nil {
				t.Fatal(err)
			}
			if len(runs) == 0 {
				return "0"
			}
			return fmt.Sprint(runs[0].Run)
		}
		w.write("main.mesh.hcl", drawMaps(rt, "first", ns))
		reach("first", "apply")
		before, first := contents(), last()
		w.write("main.mesh.hcl", drawMaps(rt, "second", ns))
		reach("second", "apply")
		after, second := contents(), last()
		for n := range 2 {
			reach(fmt.Sprint("rollback ", n), "rollback", "--to", first)
			if got := contents(); !maps.Equal(got, before) {
				rt.Fatalf("rollback %d: %v, want %v", n, got, before)
			}
			reach(fmt.Sprint("return ", n), "rollback", "--to", second)
			if got := contents(); !maps.Equal(got, after) {
				rt.Fatalf("return %d: %v, want %v", n, got, after)
			}
		}
		reach("end", "destroy")
		if got := contents(); len(got) > 0 {
			rt.Fatalf("left: %v", got)
		}
	})
}
