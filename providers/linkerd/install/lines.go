package install

import (
	"context"
	"fmt"

	"github.com/Masterminds/semver/v3"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/meshplan/meshplan/internal/diag"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// line is what is known of one of Linkerd's 2.N lines.
type line struct {
	oldest, newest uint64 // minor versions of Kubernetes 1.x for which it was made
	arriving       string // what whoever comes from an older line should know
}

// lineOf returns what is known of a line; nothing of those that came after this program.
func lineOf(n int) (line, bool) {
	l, ok := map[int]line{
		15: {22, 29, ""}, 16: {22, 29, ""}, 17: {22, 31, ""},
		18: {22, 32, "With 2.18 the definitions of the Gateway API change hands: keep install_gateway_api as it was in this upgrade, and switch it off later."},
		19: {22, 35, "From 2.19 on, the chart leaves the Gateway API to others unless install_gateway_api is set, and iptables works in its nft mode."},
		20: {31, 35, "From 2.20 on, proxies are native sidecars: after their next restart they are among a pod's init containers. Set native_sidecar = false to keep them as they are."},
	}[n]
	return l, ok
}

// supported warns about a version of Kubernetes for which a release was not made.
func supported(r release, kubernetes string) hcl.Diagnostics {
	l, ok := lineOf(r.line)
	v, err := semver.NewVersion(kubernetes)
	if !ok || err != nil || v.Minor() >= l.oldest && v.Minor() <= l.newest {
		return nil
	}
	return hcl.Diagnostics{diag.Warningf(CodeKubernetes, "Kubernetes is not one that this release was made for",
		"Linkerd %s supports Kubernetes 1.%d to 1.%d, and the cluster has %s. Take a release that supports it.", r, l.oldest, l.newest, kubernetes)}
}

// arriving collects what the reader of an upgrade should know. From is the zero value for an installation.
func arriving(from, to release) (notes []string) {
	if from.line == 0 {
		return nil
	}
	for n := from.line + 1; n <= to.line; n++ {
		if l, ok := lineOf(n); ok && l.arriving != "" {
			notes = append(notes, l.arriving)
		}
	}
	return notes
}

// definitionsBehind warns when the definitions in the cluster come from an older chart than the control plane and the
// plan does not bring others: the new control plane would look for fields that they do not have.
func (t *controlPlane) definitionsBehind(ctx context.Context, planned cty.Value, version string) hcl.Diagnostics {
	c := t.env.Cluster()
	if c.World().PlansObject(definitionRef("servers.policy.linkerd.io").ID()) {
		return nil
	}
	if text := olderDefinitions(ctx, c, version); text != "" {
		return hcl.Diagnostics{diag.Warningf(CodeDefinitions, "Definitions are older than the control plane", "%s Upgrade linkerd_crds first.", text)}
	}
	return nil
}

// olderDefinitions says that the definitions in the cluster come from an older chart than a version, or "".
func olderDefinitions(ctx context.Context, c *kube.Cluster, version string) string {
	u, err := c.Get(ctx, definitionRef("servers.policy.linkerd.io"))
	if err != nil || u == nil {
		return "" // data linkerd_check speaks of definitions that are missing
	}
	const prefix = "linkerd-crds-"
	label := u.GetLabels()["helm.sh/chart"]
	if len(label) <= len(prefix) || !newerBundle(version, label[len(prefix):]) {
		return ""
	}
	return fmt.Sprintf("The definitions in the cluster come from the chart %s, and the control plane from version %s: newer definitions serve an older control plane, but not the other way round.", scrub(label), version)
}

func definitionRef(name string) kube.Ref {
	return kube.Ref{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition", Name: name}
}

// journey sums the way of an upgrade up.
func journey(from, to release) string {
	return fmt.Sprintf("The control plane goes from %s to %s. Restart the meshed workloads afterwards: their proxies stay at the former release until then.", from, to)
}
