package certs_test

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers/linkerd/certs"
	"github.com/meshplan/meshplan/providers/providertest"
)

func (m *mesh) removeSecret(name string) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		if err := testenv.Dynamic(t).Resource(secrets()).Namespace(m.namespace).Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnchorKeepsTheContract(t *testing.T) {
	m := newMesh(t)
	providertest.Run(t, providertest.Case{
		Type: m.anchor.Type, Owner: m.anchor.Owner, Create: m.anchor.Decode(t, ``), Update: m.anchor.Decode(t, `rotate = "now"`),
		Remove: m.removeSecret("linkerd-trust-anchor"),
	})
}

func TestIssuerKeepsTheContract(t *testing.T) {
	for _, scheme := range []string{certs.SchemeKubernetes, certs.SchemeLinkerd} {
		t.Run(scheme, func(t *testing.T) {
			m := newMesh(t)
			m.anchor.Apply(t, ``)
			m.scope()
			config := issuerConfig + "scheme = \"" + scheme + "\"\n"
			providertest.Run(t, providertest.Case{
				Type: m.issuer.Type, Owner: m.issuer.Owner, Create: m.issuer.Decode(t, config), Update: m.issuer.Decode(t, config+`validity = "200d"`),
				Remove: m.removeSecret(certs.IssuerName),
			})
		})
	}
}
