package env

import "testing"

func sample() Env {
	return Env{Namespace: func() string { return "linkerd" }, TrustDomain: func() string { return "cluster.local" }}
}

func TestIdentity(t *testing.T) {
	const want = "web.shop.serviceaccount.identity.linkerd.cluster.local"
	if got := sample().Identity("shop", "web"); got != want {
		t.Errorf("Identity = %q, want %q", got, want)
	}
	if got := sample().NamespaceIdentity("shop"); got != "*.shop.serviceaccount.identity.linkerd.cluster.local" {
		t.Errorf("NamespaceIdentity = %q", got)
	}
}

func TestAccount(t *testing.T) {
	for _, tc := range []struct {
		identity, namespace, account string
		ok                           bool
	}{
		{"web.shop.serviceaccount.identity.linkerd.cluster.local", "shop", "web", true},
		{"web.v2.shop.serviceaccount.identity.linkerd.cluster.local", "shop", "web.v2", true},
		{"web.shop.serviceaccount.identity.linkerd.other.local", "", "", false},
		{"shop.serviceaccount.identity.linkerd.cluster.local", "", "", false},
		{"spiffe://cluster.local/web", "", "", false},
		{"", "", "", false},
	} {
		ns, sa, ok := sample().Account(tc.identity)
		if ns != tc.namespace || sa != tc.account || ok != tc.ok {
			t.Errorf("Account(%q) = %q, %q, %t, want %q, %q, %t", tc.identity, ns, sa, ok, tc.namespace, tc.account, tc.ok)
		}
	}
}
