package policy

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// LoadDefaults reads what the control plane decides where no Server does. What the credentials may not read, or what
// is not there yet, is as the chart is published.
func LoadDefaults(ctx context.Context, c *kube.Cluster, e env.Env) (Defaults, error) {
	d := Defaults{Policy: AllUnauthenticated, ClusterNetworks: publishedNetworks()}
	config, err := e.LoadConfig(ctx, c)
	if err != nil || config == nil {
		return d, err
	}
	if p := config.Proxy.DefaultInboundPolicy; p != "" {
		d.Policy = p
	}
	if config.ClusterNetworks != "" {
		if d.ClusterNetworks, err = networkList(config.ClusterNetworks); err != nil {
			return d, fmt.Errorf("%s: clusterNetworks: %w", e.ConfigRef(), err)
		}
	}
	return d, nil
}

func networkList(text string) ([]Network, error) {
	var out []Network
	for part := range strings.SplitSeq(text, ",") {
		p, err := parsePrefix(strings.TrimSpace(part))
		if err != nil {
			return nil, err
		}
		out = append(out, Network{CIDR: p})
	}
	return out, nil
}

// publishedNetworks are the cluster networks that the control plane's chart is published with.
func publishedNetworks() []Network {
	var out []Network
	for _, s := range []string{"10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8"} {
		out = append(out, Network{CIDR: netip.MustParsePrefix(s)})
	}
	return out
}
