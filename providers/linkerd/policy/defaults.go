package policy

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// LoadDefaults reads what the control plane decides where no Server does. What the credentials may not read, or what
// is not there yet, is as the chart is published.
func LoadDefaults(ctx context.Context, c *kube.Cluster, e env.Env) (Defaults, error) {
	d := Defaults{Policy: AllUnauthenticated, ClusterNetworks: publishedNetworks()}
	config, err := c.Get(ctx, kube.Ref{Version: "v1", Kind: "ConfigMap", Namespace: e.Namespace(), Name: "linkerd-config"})
	if apierrors.IsForbidden(err) || config == nil && err == nil {
		return d, nil
	}
	if err != nil {
		return d, err
	}
	text, _, _ := unstructured.NestedString(config.Object, "data", "values")
	var values struct {
		ClusterNetworks string `json:"clusterNetworks"`
		Proxy           struct {
			DefaultInboundPolicy string `json:"defaultInboundPolicy"`
		} `json:"proxy"`
	}
	if err := yaml.Unmarshal([]byte(text), &values); err != nil {
		return d, fmt.Errorf("ConfigMap %s/linkerd-config: key `values` is not YAML: %w", e.Namespace(), err)
	}
	if p := values.Proxy.DefaultInboundPolicy; p != "" {
		d.Policy = p
	}
	if values.ClusterNetworks != "" {
		if d.ClusterNetworks, err = networkList(values.ClusterNetworks); err != nil {
			return d, fmt.Errorf("ConfigMap %s/linkerd-config: clusterNetworks: %w", e.Namespace(), err)
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
