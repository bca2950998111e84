package mesh

import (
	"context"
	"crypto/x509"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

// keeper keeps the proxies: it decides when their pods become Ready, renews their certificates and carries their
// traffic. One goroutine does all that; servers of metrics read under mu.
type keeper struct {
	world    *world
	identity *identity

	mu      sync.Mutex // guards proxies and everything in them
	proxies map[types.UID]*proxy

	// Only the keeping goroutine uses these.
	flows    map[string]*flow     // by their ends
	probed   time.Time            // when probes were counted last
	policies map[string]*policies // by control plane, for one tick
}

// proxy is what a running proxy holds in memory.
type proxy struct {
	started   time.Time
	anchors   *x509.CertPool
	anchorID  string
	leaf      *leaf
	refreshes int
	failures  int
	metrics   metrics
	trusted   map[*leaf]error // verdicts on the certificates of others
}

const (
	// tick bounds how late anything that no watch announces is noticed.
	tick = 250 * time.Millisecond
	// settle lets the changes of one moment be handled together.
	settle = 20 * time.Millisecond
)

// run keeps the proxies until ctx ends.
func (k *keeper) run(ctx context.Context) error {
	changed := make(chan struct{}, 1)
	notify := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	core := k.world.factory.Core().V1()
	for _, i := range []cache.SharedIndexInformer{core.Pods().Informer(), core.Secrets().Informer(), core.ConfigMaps().Informer()} {
		if _, err := i.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: func(any) { notify() }, UpdateFunc: func(any, any) { notify() }, DeleteFunc: func(any) { notify() },
		}); err != nil {
			return err
		}
	}
	go func() {
		ticker := time.NewTicker(tick)
		defer ticker.Stop()
		last := time.Now()
		for {
			select {
			case <-ctx.Done():
				return
			case <-changed:
				time.Sleep(settle)
			case <-ticker.C:
			}
			now := time.Now()
			pods := k.world.livePods()
			k.identity.reconcile(pods, now)
			k.keep(ctx, pods, now)
			k.carry(pods, last, now)
			last = now
		}
	}()
	return nil
}

// keep moves every pod that has Linkerd's label towards Ready and forgets the proxies of pods that are gone.
func (k *keeper) keep(ctx context.Context, pods []*corev1.Pod, now time.Time) {
	present := map[types.UID]bool{}
	for _, p := range pods {
		if p.Labels[labelControlPlane] == "" || p.Status.PodIP == "" {
			continue
		}
		present[p.UID] = true
		proxyReady := k.certified(p, now)
		if !ready(p) {
			k.advance(ctx, p, proxyReady, now)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for uid := range k.proxies {
		if !present[uid] {
			delete(k.proxies, uid)
		}
	}
}

// certified says whether the pod's proxy is ready, getting or renewing its certificate where it is time to.
func (k *keeper) certified(p *corev1.Pod, now time.Time) bool {
	if componentOf(p) == componentIdentity && !k.identity.started(p) {
		return false
	}
	if container, _ := proxyOf(p); container == nil {
		return true
	}
	k.mu.Lock()
	x := k.proxies[p.UID]
	if x == nil {
		bundle := k.world.anchorsOf(p)
		x = &proxy{started: now, anchors: anchorPool(bundle), anchorID: hash(bundle), metrics: metrics{}}
		k.proxies[p.UID] = x
	}
	due := x.leaf == nil || now.After(x.leaf.refreshAt())
	k.mu.Unlock()
	if !due {
		return true
	}
	l, err := k.identity.certify(p, x.anchors, now)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		x.failures++
		return x.leaf != nil && now.Before(x.leaf.notAfter)
	}
	x.leaf, x.refreshes = l, x.refreshes+1
	return true
}
