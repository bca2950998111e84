package examples

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
)

// trust follows who believes whom while certificates are rotated. A proxy that runs keeps the certificate that it got
// for a day, so that every proxy must accept every issuer that there has been.
type trust struct {
	t       *testing.T
	issuers map[string]pki.Bundle // chains by fingerprint
	looked  int
}

// look compares what every meshed pod trusts with every issuer that has been seen.
func (k *trust) look(when string) {
	k.t.Helper()
	for _, s := range list(k.t, secrets, "linkerd", "") {
		if s.GetName() != "linkerd-identity-issuer" {
			continue
		}
		data, _, _ := unstructured.NestedStringMap(s.Object, "data")
		b, err := base64.StdEncoding.DecodeString(data["tls.crt"])
		if err != nil || len(b) == 0 {
			k.t.Fatalf("%s: the issuer cannot be read: %v", when, err)
		}
		chain, err := pki.ParseBundle(b)
		if err != nil {
			k.t.Fatal(err)
		}
		k.issuers[chain.Fingerprints()[0]] = chain
	}
	proxies := 0
	for _, p := range list(k.t, pods, "", "linkerd.io/control-plane-ns") {
		containers, _, _ := unstructured.NestedSlice(p.Object, "spec", "containers")
		sidecars, _, _ := unstructured.NestedSlice(p.Object, "spec", "initContainers")
		for _, c := range append(containers, sidecars...) {
			env, _ := c.(map[string]any)["env"].([]any)
			for _, e := range env {
				v, _ := e.(map[string]any)
				text, _ := v["value"].(string)
				if v["name"] != "LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS" || text == "" {
					continue
				}
				proxies++
				anchors, err := pki.ParseBundle([]byte(text))
				if err != nil {
					k.t.Fatalf("%s: %s/%s: %v", when, p.GetNamespace(), p.GetName(), err)
				}
				for _, chain := range k.issuers {
					if anchors.Signer(chain.Certificates()) == nil {
						k.t.Fatalf("%s: %s/%s does not trust an issuer whose certificates are in use", when, p.GetNamespace(), p.GetName())
					}
				}
			}
		}
	}
	if proxies < 5 {
		k.t.Fatalf("%s: %d proxies with anchors, want at least those of five services", when, proxies)
	}
	k.looked++
}

// TestRotationUnderKills rotates the issuer and then the anchor of the reference rollout, with five meshed services and viz, and
// kills the program again and again on the way. At no moment there is a proxy without trust in its peers, every run goes
// on where the former was cut off, and a rollback that would break trust is refused.
func TestRotationUnderKills(t *testing.T) {
	w := newWorkspace(t, "mtls-rollout")
	w.must(0, "apply", "--auto-approve", "--summary")
	k := &trust{t: t, issuers: map[string]pki.Bundle{}}
	k.look("before")
	file := filepath.Join(w.dir, "certificates.mesh.hcl")
	rotate := func(block string) {
		t.Helper()
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Replace(string(b), block+" {\n", block+" {\n  rotate = \"2\"\n", 1)
		if text == string(b) {
			t.Fatalf("there is no block %s", block)
		}
		w.write("certificates.mesh.hcl", text)
	}
	most := 3
	if thorough() {
		most = 40
	}
	var last result // of the plan after a walk
	walk := func(what string) (kills int) {
		t.Helper()
		args := append([]string{"apply"}, quietly...)
		for n := 0; n < 60; n++ {
			death := forever
			if kills < most {
				death = fmt.Sprint(6 + n*7%31)
			}
			died := w.dies(death, args)
			k.look(fmt.Sprintf("%s, run %d", what, n))
			if died {
				kills++
				continue
			}
			if r := w.run("plan", "--detailed-exitcode"); r.code == 0 {
				last = r
				return kills
			} else if r.code != 2 {
				t.Fatalf("%s: exit code %d\n%s", what, r.code, r.text())
			}
		}
		t.Fatalf("%s does not come to its end\n%s", what, w.run("plan").text())
		return kills
	}
	rotate(`resource "linkerd_identity_issuer" "mesh"`)
	kills := walk("rotation of the issuer")
	if n := len(k.issuers); n != 2 {
		t.Errorf("%d issuers after the rotation, want the old and the new one", n)
	}
	rotate(`resource "linkerd_trust_anchor" "root"`)
	kills += walk("rotation of the anchor")
	if n := len(k.issuers); n != 3 {
		t.Errorf("%d issuers after the rotation of the anchor, want three\n%s", n, last.text())
	}
	contains(t, last, words(last.stderr), "the former anchor stays in the bundle")
	t.Logf("%d kills, trust looked at %d times", kills, k.looked)
	// Back to before all rotations is one step too many while certificates below the new anchor are in use: refused, with
	// the way to go. No trust is broken by trying.
	back := w.must(1, "rollback", "--to", "1", "--auto-approve")
	contains(t, back, words(back.stderr), "[linkerd.anchor-in-use]", "roll the issuer back first")
	k.look("after the refused rollback")
	w.must(0, "rollback", "--auto-approve")
	k.look("after a rollback of the last run")
	w.must(0, "linkerd", "check")
}
