package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
)

// One sandbox for all mesh tests: they build on each other, as a rollout does.
func TestMesh(t *testing.T) {
	_, c := up(t, "--mesh")
	c.apply(t, testdata(t, "crds.yaml"))
	cp := newControlPlane(t)
	manifests := cp.render(t)
	c.apply(t, manifests)
	for _, d := range []string{"linkerd-identity", "linkerd-destination", "linkerd-proxy-injector"} {
		eventually(t, d+" is available", func() error { return c.available("linkerd", d) })
	}
	c.apply(t, testdata(t, "shop.yaml"))
	for _, d := range []string{"web", "api", "legacy"} {
		eventually(t, d+" is available", func() error { return c.available("shop", d) })
	}

	t.Run("injection", func(t *testing.T) {
		web := c.pod(t, "shop", "web")
		if web.Labels["linkerd.io/control-plane-ns"] != "linkerd" || web.Labels["linkerd.io/proxy-deployment"] != "web" {
			t.Errorf("labels of a meshed pod = %v", web.Labels)
		}
		if names := containers(web); names != "linkerd-init linkerd-proxy web" {
			t.Errorf("containers of a meshed pod = %s", names)
		}
		if names := containers(c.pod(t, "shop", "legacy")); names != "legacy" {
			t.Errorf("containers of a pod that opted out = %s", names)
		}
		eventually(t, "the injector's events are there", func() error {
			return errors.Join(c.event("shop", "web", "Injected"), c.event("shop", "legacy", "InjectionSkipped"))
		})
	})

	t.Run("traffic", func(t *testing.T) {
		api := c.pod(t, "shop", "api")
		eventually(t, "mTLS requests are counted", func() error {
			m := c.metrics(t, api)
			return errors.Join(
				m.want("inbound_http_authz_allow_total", 1, `tls="true"`, `client_id="web.shop.serviceaccount.identity.linkerd.cluster.local"`,
					`srv_kind="default"`, `authz_name="all-unauthenticated"`),
				m.want("inbound_http_authz_allow_total", 1, `tls="no_identity"`),
				m.want("response_total", 1, `direction="inbound"`, `classification="failure"`, `status_code="500"`))
		})
		eventually(t, "the client counts as well", func() error {
			return c.metrics(t, c.pod(t, "shop", "web")).want("response_total", 1, `direction="outbound"`, `tls="true"`,
				`server_id="default.shop.serviceaccount.identity.linkerd.cluster.local"`, `dst_deployment="api"`)
		})
	})

	t.Run("policy", func(t *testing.T) {
		c.apply(t, []byte(`{apiVersion: policy.linkerd.io/v1beta3, kind: Server, metadata: {name: api, namespace: shop},
			spec: {podSelector: {matchLabels: {app: api}}, port: http, accessPolicy: deny}}`))
		api := c.pod(t, "shop", "api")
		eventually(t, "everybody is denied", func() error {
			m := c.metrics(t, api)
			return errors.Join(m.want("inbound_http_authz_deny_total", 1, `srv_name="api"`, `tls="true"`),
				m.want("inbound_http_authz_deny_total", 1, `srv_name="api"`, `tls="no_identity"`))
		})
		c.apply(t, []byte(`
apiVersion: policy.linkerd.io/v1alpha1
kind: MeshTLSAuthentication
metadata: {name: web, namespace: shop}
spec: {identityRefs: [{kind: ServiceAccount, name: web}]}
---
apiVersion: policy.linkerd.io/v1alpha1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  targetRef: {group: policy.linkerd.io, kind: Server, name: api}
  requiredAuthenticationRefs: [{group: policy.linkerd.io, kind: MeshTLSAuthentication, name: web}]
`))
		eventually(t, "web is allowed by its policy", func() error {
			return c.metrics(t, api).want("inbound_http_authz_allow_total", 1, `authz_kind="authorizationpolicy"`, `authz_name="web"`)
		})
	})

	t.Run("validators and status", func(t *testing.T) {
		bad := parse(t, []byte(`{apiVersion: policy.linkerd.io/v1beta3, kind: Server, metadata: {name: bad, namespace: shop},
			spec: {podSelector: {}, port: 1, accessPolicy: maybe}}`))[0]
		if _, err := c.tryApply(bad); err == nil || !strings.Contains(err.Error(), "accessPolicy") {
			t.Errorf("applying a Server with accessPolicy maybe: %v, want a refusal", err)
		}
		profile := parse(t, []byte(`{apiVersion: linkerd.io/v1alpha2, kind: ServiceProfile, metadata: {name: web, namespace: shop}, spec: {routes: []}}`))[0]
		if _, err := c.tryApply(profile); err == nil || !strings.Contains(err.Error(), "invalid name") {
			t.Errorf("applying a ServiceProfile with a short name: %v, want a refusal", err)
		}
		c.apply(t, []byte(`{apiVersion: policy.linkerd.io/v1beta3, kind: HTTPRoute, metadata: {name: admin, namespace: shop},
			spec: {parentRefs: [{kind: Server, name: api}, {kind: Server, name: missing}], rules: [{matches: [{path: {type: PathPrefix, value: /admin}}]}]}}`))
		eventually(t, "the route is accepted by one parent", func() error {
			o, err := c.dyn.Resource(schema.GroupVersionResource{Group: "policy.linkerd.io", Version: "v1beta3", Resource: "httproutes"}).
				Namespace("shop").Get(context.Background(), "admin", metav1.GetOptions{})
			if err != nil {
				return err
			}
			b, err := json.Marshal(o.Object["status"])
			if err != nil {
				return err
			}
			for _, want := range []string{`"reason":"Accepted","status":"True"`, `"reason":"NoMatchingParent","status":"False"`} {
				if !strings.Contains(string(b), want) {
					return fmt.Errorf("status is %s, want %s", b, want)
				}
			}
			return nil
		})
		eventually(t, "requests that match no route are not found", func() error {
			return c.metrics(t, c.pod(t, "shop", "api")).want("inbound_http_route_not_found_total", 1, `srv_name="api"`)
		})
	})

	t.Run("issuer", func(t *testing.T) {
		cp.setIssuer(t, c, newCredential(t, "identity.linkerd.cluster.local", true, nil, cp.Anchor))
		eventually(t, "the new issuer is taken", func() error { return c.event("linkerd", "linkerd-identity", "IssuerUpdated") })
		stranger := newCredential(t, "stranger", true, nil, nil)
		cp.setIssuer(t, c, newCredential(t, "identity.linkerd.cluster.local", true, nil, stranger))
		eventually(t, "a foreign issuer is refused", func() error { return c.event("linkerd", "linkerd-identity", "IssuerUpdateSkipped") })

		c.restart(t, "linkerd", "linkerd-identity")
		c.restart(t, "shop", "web")
		eventually(t, "identity cannot start with it", func() error {
			return c.waiting("linkerd", "linkerd-identity", "CrashLoopBackOff")
		})
		cp.setIssuer(t, c, cp.Issuer)
		eventually(t, "all is well again", func() error {
			return errors.Join(c.available("linkerd", "linkerd-identity"), c.available("shop", "web"))
		})
	})

	t.Run("identity down", func(t *testing.T) {
		c.scale(t, "linkerd", "linkerd-identity", 0)
		c.restart(t, "shop", "api")
		eventually(t, "a new proxy waits for its certificate", func() error {
			return c.waiting("shop", "api", "PodInitializing")
		})
		if err := c.available("shop", "api"); err == nil {
			t.Error("the rollout finished without identity")
		}
		c.scale(t, "linkerd", "linkerd-identity", 1)
		eventually(t, "it gets one", func() error { return c.available("shop", "api") })
	})

	t.Run("injector down", func(t *testing.T) {
		c.scale(t, "linkerd", "linkerd-proxy-injector", 0)
		eventually(t, "pods cannot be created", func() error {
			if err := c.createPod("shop"); err == nil || !strings.Contains(err.Error(), "failed calling webhook") {
				return fmt.Errorf("creation ended with %v", err)
			}
			return nil
		})
		cp.FailurePolicy = "Ignore"
		c.apply(t, cp.render(t))
		c.scale(t, "linkerd", "linkerd-proxy-injector", 0)
		eventually(t, "pods are created without a proxy", func() error { return c.createPod("shop") })
	})
}

func (cp *controlPlane) setIssuer(t *testing.T, c *clients, issuer *credential) {
	t.Helper()
	patch, err := json.Marshal(map[string]any{"data": map[string][]byte{"crt.pem": issuer.Cert, "key.pem": issuer.Key}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.CoreV1().Secrets("linkerd").Patch(context.Background(), "linkerd-identity-issuer", types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
}

// available says whether all replicas of a Deployment are of its newest revision and available.
func (c *clients) available(namespace, name string) error {
	d, err := c.AppsV1().Deployments(namespace).Get(context.Background(), name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	want, s := *d.Spec.Replicas, d.Status
	if s.ObservedGeneration < d.Generation || s.UpdatedReplicas != want || s.AvailableReplicas != want || s.Replicas != want {
		return fmt.Errorf("%s: %d of %d available", name, s.AvailableReplicas, want)
	}
	return nil
}

// pod returns the newest live pod of a Deployment.
func (c *clients) pod(t *testing.T, namespace, deployment string) *corev1.Pod {
	t.Helper()
	list, err := c.CoreV1().Pods(namespace).List(context.Background(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var newest *corev1.Pod
	for i := range list.Items {
		p := &list.Items[i]
		if strings.HasPrefix(p.Name, deployment+"-") && p.DeletionTimestamp == nil &&
			(newest == nil || newest.CreationTimestamp.Before(&p.CreationTimestamp)) {
			newest = p
		}
	}
	if newest == nil {
		t.Fatalf("no pod of %s/%s", namespace, deployment)
	}
	return newest
}

func containers(p *corev1.Pod) string {
	var names []string
	for _, c := range append(append([]corev1.Container{}, p.Spec.InitContainers...), p.Spec.Containers...) {
		names = append(names, c.Name)
	}
	return strings.Join(names, " ")
}

func (c *clients) event(namespace, object, reason string) error {
	list, err := c.CoreV1().Events(namespace).List(context.Background(), metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, e := range list.Items {
		if e.InvolvedObject.Name == object && e.Reason == reason {
			return nil
		}
	}
	return fmt.Errorf("no event %s on %s", reason, object)
}

// waiting says whether a container of the Deployment's newest pod waits for a reason.
func (c *clients) waiting(namespace, deployment, reason string) error {
	list, err := c.CoreV1().Pods(namespace).List(context.Background(), metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, p := range list.Items {
		for _, s := range p.Status.ContainerStatuses {
			if strings.HasPrefix(p.Name, deployment+"-") && s.State.Waiting != nil && s.State.Waiting.Reason == reason {
				return nil
			}
		}
	}
	return fmt.Errorf("no container of %s waits with %s", deployment, reason)
}

func (c *clients) patch(t *testing.T, namespace, name, patch string) {
	t.Helper()
	if _, err := c.AppsV1().Deployments(namespace).Patch(context.Background(), name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
}

func (c *clients) scale(t *testing.T, namespace, name string, replicas int) {
	t.Helper()
	c.patch(t, namespace, name, fmt.Sprintf(`{"spec":{"replicas":%d}}`, replicas))
	eventually(t, name+" is scaled", func() error { return c.available(namespace, name) })
}

func (c *clients) restart(t *testing.T, namespace, name string) {
	t.Helper()
	c.patch(t, namespace, name, fmt.Sprintf(`{"spec":{"template":{"metadata":{"annotations":{"restarted":%q}}}}}`, time.Now().Format(time.RFC3339Nano)))
}

func (c *clients) createPod(namespace string) error {
	_, err := c.CoreV1().Pods(namespace).Create(context.Background(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "bare-"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}},
	}, metav1.CreateOptions{})
	return err
}

// series are lines of Prometheus text.
type series []string

// want checks that the series with all the labels add up to at least n.
func (s series) want(name string, n float64, labels ...string) error {
	sum := 0.0
lines:
	for _, line := range s {
		rest, ok := strings.CutPrefix(line, name+"{")
		if !ok {
			continue
		}
		for _, l := range labels {
			if !strings.Contains(rest, l) {
				continue lines
			}
		}
		v, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			return err
		}
		sum += v
	}
	if sum < n {
		return fmt.Errorf("%s%v = %v, want at least %v", name, labels, sum, n)
	}
	return nil
}

// metrics reads a proxy's metrics through a forwarded port.
func (c *clients) metrics(t *testing.T, p *corev1.Pod) series {
	t.Helper()
	transport, upgrader, err := spdy.RoundTripperFor(c.config)
	if err != nil {
		t.Fatal(err)
	}
	url := c.CoreV1().RESTClient().Post().Resource("pods").Namespace(p.Namespace).Name(p.Name).SubResource("portforward").URL()
	stop, ready := make(chan struct{}), make(chan struct{})
	defer close(stop)
	f, err := portforward.NewOnAddresses(spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, url),
		[]string{"127.0.0.1"}, []string{"0:4191"}, stop, ready, io.Discard, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() { failed <- f.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-failed:
		t.Fatalf("port-forward to %s: %v", p.Name, err)
	}
	ports, err := f.GetPorts()
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", ports[0].Local))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(b), "\n")
}
