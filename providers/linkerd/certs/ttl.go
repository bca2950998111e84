package certs

import (
	"context"
	"crypto/x509"
	"time"

	"github.com/hashicorp/hcl/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/metrics"
)

const (
	identityAdminPort = 9990
	// ttlTolerance is how far the clocks of the cluster and ours may be apart when an issuer is told by the end of its
	// validity.
	ttlTolerance = time.Minute
)

// ttl tells by the figure in which identity controllers say for how long their issuer is valid whether they use the new
// one. A nil ttl knows nothing.
type ttl struct {
	scraper metrics.Scraper
	next    time.Time // end of the new issuer
	now     func() time.Time
}

// newTTL returns nil when two issuers end at about the same time.
func newTTL(c *kube.Cluster, was []*x509.Certificate, next *x509.Certificate, now func() time.Time) *ttl {
	if len(was) > 0 {
		if d := next.NotAfter.Sub(was[0].NotAfter); d.Abs() < 3*ttlTolerance {
			return nil
		}
	}
	return &ttl{scraper: metrics.Scraper{Forward: c.Forward, Deadline: 5 * time.Second}, next: next.NotAfter, now: now}
}

// ask returns which pods use the new issuer and which another one, by name. Pods that do not answer are in neither.
func (t *ttl) ask(ctx context.Context, pods []*unstructured.Unstructured) (loaded, old []string) {
	if t == nil {
		return nil, nil
	}
	var ask []metrics.Pod
	for _, p := range pods {
		ask = append(ask, metrics.Pod{Namespace: p.GetNamespace(), Name: p.GetName(), UID: string(p.GetUID()), AdminPort: identityAdminPort})
	}
	for _, answer := range t.scraper.Scrape(ctx, ask) {
		for _, s := range answer.Samples {
			if s.Name != metrics.IssuerTTL {
				continue
			}
			end := t.now().Add(time.Duration(s.Value * float64(time.Second)))
			if end.Sub(t.next).Abs() <= ttlTolerance {
				loaded = append(loaded, answer.Pod.String())
			} else {
				old = append(old, answer.Pod.String())
			}
		}
	}
	return loaded, old
}

// all reports whether every pod is known to use the new issuer.
func (t *ttl) all(ctx context.Context, pods []*unstructured.Unstructured) bool {
	loaded, _ := t.ask(ctx, pods)
	return len(pods) > 0 && len(loaded) == len(pods)
}

// old returns the pods that are known to use another issuer.
func (t *ttl) old(ctx context.Context, pods []*unstructured.Unstructured) []string {
	_, old := t.ask(ctx, pods)
	return old
}

// issuerChainOr reads the issuer of a Secret that may not be there.
func issuerChainOr(u *unstructured.Unstructured) ([]*x509.Certificate, hcl.Diagnostics) {
	if u == nil {
		return nil, nil
	}
	return issuerChain(u)
}
