package mesh

import (
	"crypto/x509"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
)

// identity stands in for the identity controllers. Each of their pods reads the trust anchors once, when it starts,
// and the issuer whenever its Secret changes; an issuer that does not lead to those anchors is refused and the pod
// goes on with the one it has.
type identity struct {
	world  *world
	events record.EventRecorder

	mu   sync.Mutex // guards the fields below
	pods map[types.UID]*identityPod
	last map[string]*issuer // the issuer that a pod of a namespace was last seen to use
}

type identityPod struct {
	anchors *x509.CertPool
	issuer  *issuer // nil while none was accepted
	seen    string  // resource version of the Secret last looked at
}

// reconcile lets every identity pod look at the Secret. It is called after each change of a pod or a Secret.
func (d *identity) reconcile(pods []*corev1.Pod, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	present := map[types.UID]bool{}
	for _, p := range pods {
		if componentOf(p) != componentIdentity || p.Status.PodIP == "" {
			continue
		}
		present[p.UID] = true
		d.look(p, now)
	}
	for uid := range d.pods {
		if !present[uid] {
			delete(d.pods, uid)
		}
	}
}

func (d *identity) look(p *corev1.Pod, now time.Time) {
	secret, err := d.world.secrets.Secrets(p.Namespace).Get(secretIssuer)
	if err != nil {
		return // its volume is missing: the pod cannot start, or goes on with what it has
	}
	missed := secret.Annotations[annMissedReload]
	state := d.pods[p.UID]
	if state == nil || state.issuer == nil {
		// A controller that cannot start is started again and again, and reads everything anew.
		state = &identityPod{anchors: anchorPool(d.world.configMapKey(p.Namespace, configMapAnchors, keyAnchors))}
		d.pods[p.UID] = state
		if missed == missedAlways && d.last[p.Namespace] != nil {
			state.issuer = d.last[p.Namespace]
		} else if i, err := d.load(p, secret, state.anchors, now); err == nil {
			state.issuer, state.seen = i, secret.ResourceVersion
			d.last[p.Namespace] = i
		}
		return
	}
	if state.seen == secret.ResourceVersion || missed == missedOnce || missed == missedAlways {
		return
	}
	state.seen = secret.ResourceVersion
	i, err := d.load(p, secret, state.anchors, now)
	if err != nil {
		d.event(p, corev1.EventTypeWarning, "IssuerUpdateSkipped",
			fmt.Sprintf("Skipping issuer update as certs could not be read from disk: %s", err))
		return
	}
	if i.chain[0].Equal(state.issuer.chain[0]) {
		return // the Secret changed, not what is mounted from it
	}
	state.issuer, d.last[p.Namespace] = i, i
	if missed == missedWord {
		return
	}
	d.event(p, corev1.EventTypeNormal, "IssuerUpdated", "Updated identity issuer")
}

func (d *identity) load(p *corev1.Pod, secret *corev1.Secret, anchors *x509.CertPool, now time.Time) (*issuer, error) {
	i, err := issuerFrom(secret)
	if err != nil {
		return nil, err
	}
	return i, i.verify(anchors, d.expectedName(p.Namespace), now)
}

func (d *identity) expectedName(namespace string) string {
	s, err := d.world.settingsOf(namespace)
	if err != nil {
		s = settings{namespace: namespace}
	}
	return fmt.Sprintf("identity.%s.%s", namespace, s.trustDomain())
}

// started says whether the identity pod found credentials it can work with.
func (d *identity) started(p *corev1.Pod) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	state := d.pods[p.UID]
	return state != nil && state.issuer != nil
}

// crashed says whether the identity pod found credentials it cannot work with.
func (d *identity) crashed(p *corev1.Pod) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	state := d.pods[p.UID]
	return state != nil && state.issuer == nil
}

// issuerOf returns the issuer an identity pod works with, or nil.
func (d *identity) issuerOf(p *corev1.Pod) *issuer {
	d.mu.Lock()
	defer d.mu.Unlock()
	if state := d.pods[p.UID]; state != nil {
		return state.issuer
	}
	return nil
}

// certify answers a proxy's request for a certificate, or says why it gets none. The identity controller's own proxy
// is served by the controller beside it, before the pod is Ready.
func (d *identity) certify(p *corev1.Pod, anchors *x509.CertPool, now time.Time) (*leaf, error) {
	controlPlane := p.Labels[labelControlPlane]
	var server *corev1.Pod
	if componentOf(p) == componentIdentity {
		server = p
	} else if servers := d.world.componentPods(controlPlane, componentIdentity); len(servers) > 0 {
		server = servers[0]
	}
	if server == nil {
		return nil, errors.New("no identity controller is ready")
	}
	i := d.issuerOf(server)
	if i == nil {
		return nil, errors.New("the identity controller has no issuer")
	}
	s, err := d.world.settingsOf(controlPlane)
	if err != nil {
		s = settings{namespace: controlPlane}
	}
	name := s.identity(serviceAccount(p), p.Namespace)
	d.mu.Lock()
	own := d.pods[server.UID].anchors
	d.mu.Unlock()
	if err := i.verify(own, d.expectedName(controlPlane), now); err != nil {
		d.event(server, corev1.EventTypeWarning, "IssuerValidationFailed", fmt.Sprintf("%s - CSR Identity : %s", err, name))
		return nil, err
	}
	lifetime, err := time.ParseDuration(s.str("identity.issuer.issuanceLifetime", "24h0m0s"))
	if err != nil {
		lifetime = 24 * time.Hour
	}
	l, err := i.sign(name, now, lifetime)
	if err != nil {
		return nil, err
	}
	return l, l.trustedBy(anchors, now)
}

// event records an event on the identity Deployment.
func (d *identity) event(p *corev1.Pod, kind, reason, message string) {
	d.events.Event(&corev1.ObjectReference{
		APIVersion: "apps/v1", Kind: "Deployment", Namespace: p.Namespace, Name: "linkerd-identity",
	}, kind, reason, message)
}

func serviceAccount(p *corev1.Pod) string {
	if p.Spec.ServiceAccountName != "" {
		return p.Spec.ServiceAccountName
	}
	return "default"
}

// anchorsOf returns the trust bundle in the environment of a pod's proxy. Control plane proxies refer to the
// ConfigMap, whose content is taken when the pod starts.
func (w *world) anchorsOf(p *corev1.Pod) string {
	proxy, _ := proxyOf(p)
	if proxy != nil {
		for _, e := range proxy.Env {
			if e.Name != envAnchors {
				continue
			}
			if e.Value != "" {
				return e.Value
			}
			if e.ValueFrom != nil && e.ValueFrom.ConfigMapKeyRef != nil {
				return w.configMapKey(p.Namespace, e.ValueFrom.ConfigMapKeyRef.Name, e.ValueFrom.ConfigMapKeyRef.Key)
			}
		}
	}
	return w.configMapKey(p.Labels[labelControlPlane], configMapAnchors, keyAnchors)
}
