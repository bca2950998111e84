package mesh

import (
	"net/netip"
	"testing"
)

func TestPorts(t *testing.T) {
	ranges := parsePorts("25, 8000-8010,http,9-1")
	for port, want := range map[int]bool{25: true, 8000: true, 8010: true, 8011: false, 9: false} {
		if got := containsPort(ranges, port); got != want {
			t.Errorf("containsPort(%d) = %v, want %v", port, got, want)
		}
	}
	if got := intersectPorts("25,3306,9300", []int32{9300, 80, 25}); got != "25,9300" {
		t.Errorf("intersectPorts = %q, want the list's order", got)
	}
}

// An authorization admits a request when network and identity both match.
func TestAdmits(t *testing.T) {
	inside, outside := netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("192.0.2.1")
	ten := []network{{CIDR: "10.0.0.0/8", Except: []string{"10.9.0.0/16"}}}
	web := "web.shop.serviceaccount.identity.linkerd.cluster.local"
	for _, c := range []struct {
		name string
		a    authorization
		r    request
		want bool
	}{
		{"no condition", authorization{}, request{client: outside}, true},
		{"network", authorization{networks: ten}, request{client: inside}, true},
		{"other network", authorization{networks: ten}, request{client: outside}, false},
		{"excepted", authorization{networks: ten}, request{client: netip.MustParseAddr("10.9.0.1")}, false},
		{"any identity", authorization{identities: []string{"*"}}, request{client: inside, tls: true, identity: web}, true},
		{"no identity", authorization{identities: []string{"*"}}, request{client: inside}, false},
		{"suffix", authorization{identities: []string{"*.shop.serviceaccount.identity.linkerd.cluster.local"}}, request{client: inside, tls: true, identity: web}, true},
		{"other suffix", authorization{identities: []string{"*.bank.serviceaccount.identity.linkerd.cluster.local"}}, request{client: inside, tls: true, identity: web}, false},
		{"none listed", authorization{identities: []string{}}, request{client: inside, tls: true, identity: web}, false},
	} {
		if got := c.a.admits(c.r); got != c.want {
			t.Errorf("%s: admits = %v, want %v", c.name, got, c.want)
		}
	}
}
