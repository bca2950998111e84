package mesh

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"

	"github.com/meshplan/meshplan/internal/sandbox/cluster"
)

// connections routes connections to the stand-ins.
type connections struct {
	world                            *world
	admin                            *admin
	injector, spValidator, validator *webhook
	tap, tapInjector                 *webhook // of the extension viz
}

// Attach starts the stand-ins of a sandbox. They stop with ctx.
func Attach(ctx context.Context, config *rest.Config) (cluster.Network, error) {
	w, err := newWorld(ctx, config)
	if err != nil {
		return nil, err
	}
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	broadcaster.StartRecordingToSink(&typedcore.EventSinkImpl{Interface: w.client.CoreV1().Events("")})
	recorder := func(component string) record.EventRecorder {
		return broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: component})
	}
	k := &keeper{
		world:    w,
		identity: &identity{world: w, events: recorder("linkerd-identity"), pods: map[types.UID]*identityPod{}, last: map[string]*issuer{}},
		proxies:  map[types.UID]*proxy{}, flows: map[string]*flow{},
	}
	in := &injector{world: w, events: recorder("linkerd-proxy-injector")}
	n := &connections{
		world:       w,
		admin:       &admin{k},
		injector:    newWebhook(ctx, w, "linkerd-proxy-injector", in.review),
		spValidator: newWebhook(ctx, w, "linkerd-sp-validator", validateServiceProfile),
		validator:   newWebhook(ctx, w, "linkerd-policy-validator", validatePolicy),
		tap:         newServer(ctx, w, "tap", http.HandlerFunc(serveTap)),
		tapInjector: newWebhook(ctx, w, "tap-injector", w.reviewTap),
	}
	if err := k.run(ctx); err != nil {
		return nil, err
	}
	go (&statusWriter{w}).run(ctx)
	slog.Info("mesh stand-ins attached")
	return n, nil
}

// apiServer is the address from which the API server's requests seem to come.
var apiServer = netip.AddrFrom4([4]byte{172, 18, 0, 1})

// Pod implements cluster.Network.
func (n *connections) Pod(ip string, port int) (func(net.Conn), bool) {
	p := n.world.readyPodAt(ip)
	if p == nil {
		return nil, false
	}
	return n.at(p, port, apiServer)
}

// Forward implements cluster.Network.
func (n *connections) Forward(namespace, pod string, port int) (func(net.Conn), error) {
	p, err := n.world.pods.Pods(namespace).Get(pod)
	if err != nil {
		return nil, err
	}
	if serve, ok := n.at(p, port, netip.AddrFrom4([4]byte{127, 0, 0, 1})); ok {
		return serve, nil
	}
	return nil, fmt.Errorf("failed to connect to localhost:%d inside pod %s/%s: connection refused", port, namespace, pod)
}

// at returns what listens on a port of a pod.
func (n *connections) at(p *corev1.Pod, port int, client netip.Addr) (func(net.Conn), bool) {
	if proxy, _ := proxyOf(p); proxy != nil && strconv.Itoa(port) == adminPort(p) {
		return n.admin.proxyAdmin(p, client), true
	}
	type listener struct {
		component string
		port      int
	}
	switch (listener{vizComponentOf(p), port}) {
	case listener{componentTap, 8089}:
		return n.tap.listener.Hand, true
	case listener{componentTapInjector, 8443}:
		return n.tapInjector.listener.Hand, true
	}
	switch (listener{componentOf(p), port}) {
	case listener{componentInjector, 8443}:
		return n.injector.listener.Hand, true
	case listener{componentDestination, 8443}:
		return n.spValidator.listener.Hand, true
	case listener{componentDestination, 9443}:
		return n.validator.listener.Hand, true
	case listener{componentIdentity, 9990}:
		return n.admin.identityAdmin(p), true
	case listener{componentDestination, 9990}, listener{componentDestination, 9996}, listener{componentDestination, 9997},
		listener{componentInjector, 9995}:
		return plainAdmin, true
	}
	return nil, false
}
