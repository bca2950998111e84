package render_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/addr"
	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/plans"
)

// planted are secrets that no renderer may ever show.
const planted = "planted-secret-4711"

func instance(t testing.TB, s string) addr.Instance {
	t.Helper()
	a, err := addr.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// certificate makes a self-signed certificate; its fingerprint differs from run to run.
func certificate(t testing.TB, name string) (cert, key string) {
	t.Helper()
	priv, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Date(2036, 1, 2, 3, 4, 5, 0, time.UTC)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &priv.PublicKey, priv)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

func str(s string) cty.Value { return cty.StringVal(s) }

func obj(kv ...any) cty.Value {
	m := map[string]cty.Value{}
	for i := 0; i < len(kv); i += 2 {
		switch v := kv[i+1].(type) {
		case string:
			m[kv[i].(string)] = str(v)
		case int:
			m[kv[i].(string)] = cty.NumberIntVal(int64(v))
		case cty.Value:
			m[kv[i].(string)] = v
		}
	}
	return cty.ObjectVal(m)
}

// rollout is a plan in which everything occurs.
func rollout(t testing.TB) *plans.Plan {
	t.Helper()
	oldCert, _ := certificate(t, "identity.linkerd.cluster.local")
	newCert, key := certificate(t, "root.linkerd.cluster.local")
	secret := func(s string) cty.Value { return str(s).Mark(schema.Sensitive) }
	at := func(line int) hcl.Range {
		return hcl.Range{Filename: "shop/shop.mesh.hcl", Start: hcl.Pos{Line: line, Column: 1}, End: hcl.Pos{Line: line, Column: 9}}
	}
	null := cty.NullVal(cty.DynamicPseudoType)
	container := func(name, image string) cty.Value {
		return obj("name", name, "image", image, "ports", cty.TupleVal([]cty.Value{cty.NumberIntVal(80)}))
	}
	changes := []*plans.Change{
		{Addr: instance(t, "kubernetes_namespace.shop"), Action: plans.NoOp, Provider: "kubernetes", Before: obj("name", "shop"), After: obj("name", "shop")},
		{Addr: instance(t, "data.kubernetes_cluster.here"), Action: plans.Read, Reason: plans.BecauseDeferred, Provider: "kubernetes", Range: at(2),
			Before: null, After: obj("name", cty.UnknownVal(cty.String))},
		{Addr: instance(t, "linkerd_trust_anchor.main"), Action: plans.Create, Provider: "linkerd", Range: at(4), Before: null,
			After: obj("name", "anchor", "common_name", "root.linkerd.cluster.local", "certificate", cty.UnknownVal(cty.String), "bundle", newCert, "key", key,
				"labels", cty.MapVal(map[string]cty.Value{"app.kubernetes.io/name": str("linkerd")}), "unset", cty.NullVal(cty.String), "note", "a\nb\x1b[31m\n"),
			Notes: []string{"The private key stays in the Secret linkerd/linkerd-trust-anchor."}},
		{Addr: instance(t, `kubernetes_manifest.web["eu"]`), Action: plans.Update, Reason: plans.BecauseDrifted, Provider: "kubernetes", Range: at(20), Restarts: 3,
			Before: obj("manifest", obj("kind", "Deployment", "spec", obj("replicas", 2, "paused", cty.False,
				"containers", cty.TupleVal([]cty.Value{container("web", "web:1"), container("proxy", "proxy:7"), container("gone", "x:1")}),
				"args", cty.ListVal([]cty.Value{str("a"), str("b"), str("c")}), "config", "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\n")),
				"token", secret("old-"+planted), "same_token", secret(planted), "hostile", "x"),
			After: obj("manifest", obj("kind", "Deployment", "spec", obj("replicas", 3, "paused", cty.False,
				"containers", cty.TupleVal([]cty.Value{container("web", "web:2"), container("proxy", "proxy:7"), container("new", "y:1")}),
				"args", cty.ListVal([]cty.Value{str("a"), str("x"), str("c")}), "config", "one\ntwo\nTWO\nfour\nfive\nsix\nseven\neight\nnine\nTEN\n")),
				"token", secret(planted), "same_token", secret(planted), "hostile", "```\n</details>@all")},
		{Addr: instance(t, "linkerd_identity_issuer.main"), Action: plans.Replace, Reason: plans.BecauseAttribute, Provider: "linkerd", Range: at(41),
			Before:       obj("issued_by", "9c1f", "name", "issuer", "certificate", oldCert, "seed", cty.NullVal(cty.String)),
			After:        obj("issued_by", "e07a", "name", "issuer", "certificate", newCert, "seed", cty.NullVal(cty.String)),
			BeforeSecret: []cty.Path{cty.GetAttrPath("seed")}, AfterSecret: []cty.Path{cty.GetAttrPath("seed")},
			Replace: []cty.Path{cty.GetAttrPath("issued_by")}, CreateFirst: true, Restarts: 2,
			Reverse: plans.Reverse{Kind: plans.Irreversible, Reason: "the former key is gone"}},
		{Addr: instance(t, "kubernetes_manifest.old"), Action: plans.Delete, Reason: plans.BecauseNoConfig, Provider: "kubernetes", Protected: true,
			Before: obj("name", "old", "data", base64.StdEncoding.EncodeToString([]byte(key))), After: null},
		{Addr: instance(t, "kubernetes_manifest.left"), Action: plans.Forget, Reason: plans.BecauseNoConfig, Provider: "kubernetes", Before: obj("name", "left"), After: null},
	}
	changes[2].DependsOn = []addr.Instance{changes[0].Addr}
	return &plans.Plan{
		Base: plans.Base{Lineage: "lineage", Serial: 41, Config: "abc", Dir: "shop", Clusters: map[string]string{"kubernetes": "2f1c"},
			Variables: []plans.Variable{{Name: "region", Value: str("eu")}, {Name: "password", Value: secret(planted)}}},
		Mode: plans.Normal, Created: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), Changes: changes,
		Steps: []plans.Step{
			{Change: 1, Op: plans.OpRead}, {Change: 2, Op: plans.OpCreate}, {Change: -1, Op: plans.OpPass, Deps: []int{0, 1}},
			{Change: 3, Op: plans.OpUpdate, Deps: []int{1, 2}}, {Change: 4, Op: plans.OpDelete, Deps: []int{2}}, {Change: 4, Op: plans.OpCreate, Deps: []int{4}},
			{Change: 5, Op: plans.OpDelete, Deps: []int{3, 5}}, {Change: 6, Op: plans.OpForget},
		},
		Outputs: []plans.OutputChange{
			{Name: "gone", Before: str("x"), After: null}, {Name: "password", Before: secret("a"), After: secret(planted), Sensitive: true},
			{Name: "same", Before: str("x"), After: str("x")}, {Name: "url", Before: null, After: cty.UnknownVal(cty.String)},
		},
		Drift: []*plans.Change{{Addr: instance(t, `kubernetes_manifest.web["eu"]`), Action: plans.Update, Provider: "kubernetes",
			Before: obj("labels", obj("team", "a")), After: obj("labels", obj("team", "b"))}},
	}
}

// reverting is a rollback.
func reverting(t testing.TB) *plans.Plan {
	p := rollout(t)
	return &plans.Plan{Base: p.Base, Mode: plans.Rollback, Created: p.Created, Changes: p.Changes[5:6], Steps: []plans.Step{{Change: 0, Op: plans.OpDelete}},
		Reverts: &plans.Reverts{Runs: []uint64{43, 42}, To: 41, Lost: []plans.Lost{{Addr: instance(t, "linkerd_identity_issuer.main"), Run: 42, Reason: "the former key is gone"}}}}
}
