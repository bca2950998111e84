package certs_test

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/certs"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
	"github.com/meshplan/meshplan/providers/linkerd/linkerdtest"
)

// service is a meshed service as the mesh's identities see it: the anchors that its proxy was started with, and the
// chain below which its present certificate was issued.
type service struct {
	pod    string
	bundle pki.Bundle
	leaf   []*x509.Certificate
}

// fleet is five meshed services. Every change of theirs is followed by a look at whether each still trusts all others.
type fleet struct {
	*mesh
	services []*service
	started  int
	looked   int
}

func newFleet(m *mesh) *fleet {
	f := &fleet{mesh: m}
	for range 5 {
		s := &service{}
		f.services = append(f.services, s)
		f.restart(s)
		f.renew(s)
	}
	f.looked = 0
	return f
}

// restart makes a new pod with the bundle of the moment, and a certificate of the issuer of the moment.
func (f *fleet) restart(s *service) {
	f.Helper()
	if s.pod != "" {
		f.removePod(s.pod)
	}
	f.started++
	s.pod = fmt.Sprintf("service-%d", f.started)
	text := f.anchor.Get("bundle_pem")
	f.pod(s.pod, text)
	bundle, err := pki.ParseBundle([]byte(text))
	if err != nil {
		f.Fatal(err)
	}
	s.bundle = bundle
	f.renew(s)
}

// renew gives a running proxy a certificate of the issuer that is in the cluster now, as happens every day.
func (f *fleet) renew(s *service) {
	f.Helper()
	chain, err := pki.ParsePEM(f.secret(certs.IssuerName)["tls.crt"])
	if err != nil {
		f.Fatal(err)
	}
	s.leaf = chain
	f.trusted("after a renewal")
}

// trusted fails when a proxy does not accept the certificate of another one.
func (f *fleet) trusted(when string) {
	f.Helper()
	f.looked++
	for _, a := range f.services {
		for _, b := range f.services {
			if a.leaf != nil && b.leaf != nil && a.bundle.Signer(b.leaf) == nil {
				f.Fatalf("%s: %s, which trusts %v, refuses %s", when, a.pod, a.bundle.Fingerprints(), b.pod)
			}
		}
	}
}

// step applies a configuration; with kill the run dies right after the effect, nothing is recorded but the intent, and
// the next run goes on.
func (f *fleet) step(in *linkerdtest.Instance, config string, kill bool) {
	f.Helper()
	f.scope()
	value, private := in.Value, in.Private
	if _, ds := in.TryApply(f.T, config); ds.HasErrors() {
		f.Fatal(linkerdtest.Text(ds))
	}
	f.trusted("after a step")
	if !kill {
		return
	}
	made := in.Get("fingerprint_sha256")
	out, ds := in.Type.Read(f.Context(), []providers.ReadRequest{{Owner: in.Owner, Value: value, Private: private, Unresolved: true}})
	if ds.HasErrors() || len(out) != 1 || out[0].Diagnostics.HasErrors() {
		f.Fatalf("after a kill: %s %v", linkerdtest.Text(ds), out)
	}
	in.Value, in.Private = linkerdtest.Recorded(out[0].Value), out[0].Private
	in.Apply(f.T, config)
	f.trusted("after a kill and the next run")
	if got := in.Get("fingerprint_sha256"); got != made {
		f.Fatalf("the run after a kill made another certificate: %s, want %s", got, made)
	}
}

// TestRotationOfFiveServicesSurvivesKills rotates anchor and issuer below five services, restarting one at a time. At no
// moment is there a proxy without trust in its peers, and no step is taken before all proxies are ready for it; also when
// the run is killed after every step.
func TestRotationOfFiveServicesSurvivesKills(t *testing.T) {
	for _, kill := range []bool{false, true} {
		t.Run(fmt.Sprintf("kill=%t", kill), func(t *testing.T) {
			const before, rotated = `rotate = "1"`, `rotate = "2"`
			m := newMesh(t)
			m.anchor.Apply(t, before)
			m.applyIssuer(issuerConfig)
			f := newFleet(m)
			oldIssuer, oldAnchor := m.issuer.Get("fingerprint_sha256"), m.anchor.Get("fingerprint_sha256")

			f.step(m.anchor, rotated, kill)
			for i, s := range f.services {
				f.step(m.issuer, issuerConfig, kill)
				if got := m.issuer.Get("fingerprint_sha256"); got != oldIssuer {
					t.Fatalf("the issuer was swapped when %d of 5 services trusted the new anchor", i)
				}
				f.restart(s)
			}
			f.step(m.issuer, issuerConfig, kill)
			if got := m.issuer.Get("fingerprint_sha256"); got == oldIssuer {
				t.Fatal("the issuer was not swapped although all services trust the new anchor")
			}
			for _, s := range f.services {
				f.step(m.anchor, rotated, kill)
				if bundle, err := pki.ParseBundle([]byte(m.anchor.Get("bundle_pem"))); err != nil || !slices.Contains(bundle.Fingerprints(), oldAnchor) {
					t.Fatalf("the old anchor went while a service had a certificate below it (%v)", err)
				}
				f.renew(s)
			}
			m.offset = 26 * time.Hour
			f.step(m.anchor, rotated, kill)
			bundle, err := pki.ParseBundle([]byte(m.anchor.Get("bundle_pem")))
			if err != nil || bundle.Len() != 1 || pki.Fingerprint(bundle.Certificates()[0]) == oldAnchor {
				t.Fatalf("after a day the bundle holds %v (%v)", bundle.Fingerprints(), err)
			}
			for _, s := range f.services {
				f.restart(s)
			}
			f.step(m.anchor, rotated, false)
			m.anchor.MustBeUnchanged(t, rotated)
			if f.looked < 25 {
				t.Errorf("trust was looked at %d times only", f.looked)
			}
		})
	}
}

// TestRotationIsRolledBackWhileTheFormerKeysAreThere takes a rotation of anchor and issuer back, as a rollback does: the
// former configuration brings the former pairs back, and no proxy loses its peers.
func TestRotationIsRolledBackWhileTheFormerKeysAreThere(t *testing.T) {
	const before, rotated = `rotate = "1"`, `rotate = "2"`
	for _, kill := range []bool{false, true} {
		t.Run(fmt.Sprintf("kill=%t", kill), func(t *testing.T) {
			m := newMesh(t)
			m.anchor.Apply(t, before)
			m.applyIssuer(issuerConfig)
			f := newFleet(m)
			firstAnchor, firstIssuer := m.anchor.Get("fingerprint_sha256"), m.issuer.Get("fingerprint_sha256")
			keys := [][]byte{m.secret("linkerd-trust-anchor")["tls.key"], m.secret(certs.IssuerName)["tls.key"]}

			f.step(m.anchor, rotated, kill)
			for _, s := range f.services {
				f.restart(s)
			}
			f.step(m.issuer, issuerConfig, kill)
			f.renew(f.services[0]) // one service has a certificate of the new issuer

			if r := reversal(m.anchor, before, rotated); r.Undo != providers.Restore {
				t.Errorf("the rotation of the anchor cannot be undone: %s", r.Reason)
			}
			f.step(m.anchor, before, kill)
			if got := m.anchor.Get("fingerprint_sha256"); got != firstAnchor {
				t.Fatalf("the anchor is %s, want the former one", got)
			}
			f.step(m.issuer, issuerConfig, kill)
			if got := m.issuer.Get("fingerprint_sha256"); got != firstIssuer {
				t.Fatalf("the issuer is %s, want the former one", got)
			}
			f.step(m.anchor, before, kill)
			if bundle, err := pki.ParseBundle([]byte(m.anchor.Get("bundle_pem"))); err != nil || bundle.Len() != 2 {
				t.Fatalf("the newer anchor went while a service had a certificate below it: %v (%v)", bundle.Fingerprints(), err)
			}
			for _, s := range f.services {
				f.renew(s)
			}
			m.offset = 26 * time.Hour
			f.step(m.anchor, before, kill)
			if bundle, err := pki.ParseBundle([]byte(m.anchor.Get("bundle_pem"))); err != nil || !slices.Equal(bundle.Fingerprints(), []string{firstAnchor}) {
				t.Fatalf("after a day the bundle holds %v (%v)", bundle.Fingerprints(), err)
			}
			if len(m.secret("linkerd-trust-anchor")["former.key"]) > 0 {
				t.Error("the key of an anchor that nobody trusts any more is kept")
			}
			m.anchor.MustBeUnchanged(t, before)
			m.mustBeSecret(keys...)

			// The key of the other one is gone for good, so its text makes nothing new.
			plan := m.anchor.Apply(t, rotated)
			if got := m.anchor.Get("fingerprint_sha256"); got != firstAnchor || !strings.Contains(strings.Join(plan.Notes, " "), "gone for good") {
				t.Errorf("the text of an anchor that is gone made %s, and the plan says %q", got, plan.Notes)
			}
			m.anchor.MustBeUnchanged(t, rotated)
		})
	}
}

// reversal asks how a change of an instance between two configurations would be undone.
func reversal(in *linkerdtest.Instance, before, after string) providers.Reversal {
	value := func(rotate, fingerprint string) cty.Value {
		m := in.Value.AsValueMap()
		m["rotate"], m["fingerprint_sha256"] = cty.StringVal(rotate), cty.StringVal(fingerprint)
		return cty.ObjectVal(m)
	}
	return in.Type.(providers.Reverser).Reverse(value(before, "a"), value(after, "b"))
}
