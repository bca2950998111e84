// Package meshtest gives tests of the Linkerd types a control plane on the sandbox, made from the example's charts, and
// drives a resource type as the engine does.
package meshtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kyaml "k8s.io/apimachinery/pkg/util/yaml"

	"github.com/meshplan/meshplan/internal/testenv"
	"github.com/meshplan/meshplan/providers/kubernetes/chart"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/certs/pki"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// Version is that of the control plane's proxies.
const Version = "edge-26.8.3"

// installed is the one control plane of the test process: `go test` has no other place for what all tests share.
var installed struct {
	once sync.Once
	err  error
}

// New connects to the sandbox, which must have been started with Mesh, and installs the control plane once.
func New(t testing.TB) env.Env {
	t.Helper()
	c := kube.NewPool(kube.Options{Kubeconfig: testenv.Kubeconfig(t)}).Cluster(kube.Connection{})
	installed.once.Do(func() { installed.err = install(c) })
	if installed.err != nil {
		t.Fatalf("control plane: %v", installed.err)
	}
	return Env(c)
}

// Env is the environment of the types on a cluster.
func Env(c *kube.Cluster) env.Env {
	return env.Env{
		Cluster: func() *kube.Cluster { return c }, Namespace: func() string { return "linkerd" },
		TrustDomain: func() string { return "cluster.local" },
	}
}

func install(c *kube.Cluster) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if there, err := c.Get(ctx, kube.Ref{Version: "v1", Kind: "ConfigMap", Namespace: "linkerd", Name: "linkerd-config"}); err != nil {
		return err
	} else if there != nil {
		return answers(ctx, c) // a sandbox that several packages share
	}
	charts, err := chartsDir()
	if err != nil {
		return err
	}
	values, err := controlPlaneValues()
	if err != nil {
		return err
	}
	namespace := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "linkerd"}}}
	if err := apply(ctx, c, namespace); err != nil {
		return err
	}
	version, err := c.Version(ctx)
	if err != nil {
		return err
	}
	var workloads []kube.Ref
	for _, name := range []string{"linkerd-crds", "linkerd-control-plane"} {
		loaded, ds := chart.Load(ctx, chart.Source{Path: name}, chart.LoadOptions{BaseDir: charts, Offline: true})
		if ds.HasErrors() {
			return ds
		}
		rendered, ds := loaded.Render(ctx, chart.RenderOptions{ReleaseName: name, Namespace: "linkerd", Values: values[name], KubeVersion: version, IncludeCRDs: true})
		if ds.HasErrors() {
			return ds
		}
		for _, o := range append(rendered.CRDs, rendered.Objects...) {
			if err := apply(ctx, c, o); err != nil {
				return err
			}
			if o.GetKind() == "Deployment" {
				workloads = append(workloads, kube.RefOf(o))
			}
		}
	}
	if ds := c.WaitReady(ctx, workloads, kube.WaitOptions{Rollout: true, Timeout: time.Minute}, &Step{}); ds.HasErrors() {
		return ds
	}
	return answers(ctx, c)
}

// answers waits until the injector gives a pod its proxy: a webhook is not called the moment that it is configured.
func answers(ctx context.Context, c *kube.Cluster) error {
	probe := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": map[string]any{"generateName": "probe-", "namespace": "default", "annotations": map[string]any{"linkerd.io/inject": "enabled"}},
		"spec":     map[string]any{"containers": []any{map[string]any{"name": "probe", "image": "probe:1"}}},
	}}
	for {
		live, err := c.CreateDryRun(ctx, probe)
		if err == nil && live.GetLabels()["linkerd.io/control-plane-ns"] == "linkerd" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the injector does not answer: %w", errors.Join(err, ctx.Err()))
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// controlPlaneValues makes certificates and the values that carry them.
func controlPlaneValues() (map[string]chart.Values, error) {
	request := func(name string) pki.Request {
		return pki.Request{CommonName: name, Now: time.Now(), Validity: 24 * time.Hour}
	}
	anchor, err := pki.NewAnchor(request("root.linkerd.cluster.local"))
	if err != nil {
		return nil, err
	}
	issuer, err := pki.NewIssuer(anchor, request("identity.linkerd.cluster.local"))
	if err != nil {
		return nil, err
	}
	pair := func(k *pki.KeyPair) (map[string]any, error) {
		key, err := k.KeyPEM8()
		return map[string]any{"crtPEM": string(k.CertificatePEM()), "keyPEM": string(key)}, err
	}
	var errs []error
	serving := func(service string) map[string]any {
		k, err := pki.NewServing(service+".linkerd.svc", request(service+".linkerd.svc"))
		if err != nil {
			errs = append(errs, err)
			return nil
		}
		m, err := pair(k)
		errs = append(errs, err)
		if m != nil {
			m["caBundle"] = m["crtPEM"]
		}
		return m
	}
	issuerPair, err := pair(issuer)
	errs = append(errs, err)
	return map[string]chart.Values{"linkerd-control-plane": {
		"identityTrustAnchorsPEM": string(anchor.CertificatePEM()),
		"heartbeatSchedule":       "0 0 * * *", // Linkerd's own chart draws one
		"identity":                map[string]any{"issuer": map[string]any{"tls": issuerPair}},
		"proxyInjector":           serving("linkerd-proxy-injector"),
		"profileValidator":        serving("linkerd-sp-validator"),
		"policyValidator":         serving("linkerd-policy-validator"),
	}}, errors.Join(errs...)
}

// realCharts names a directory with Linkerd's own charts, to run the tests against these instead of the small ones of the example.
const realCharts = "MESHPLAN_LINKERD_CHARTS"

func chartsDir() (string, error) {
	if dir := os.Getenv(realCharts); dir != "" {
		return dir, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "examples", "mtls-rollout", "charts"), nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.mod above the working directory")
		}
		dir = filepath.Dir(dir)
	}
}

// apply writes an object, again while its kind is not yet served.
func apply(ctx context.Context, c *kube.Cluster, o *unstructured.Unstructured) error {
	for {
		_, _, err := c.Apply(ctx, o, kube.ApplyOptions{Manager: "test", Force: true})
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", kube.RefOf(o), err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// Apply writes the objects of multi-document YAML as somebody else would; NS stands for the namespace.
func Apply(t testing.TB, e env.Env, namespace, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	decoder := kyaml.NewYAMLOrJSONDecoder(strings.NewReader(strings.ReplaceAll(text, "NS", namespace)), 4096)
	for {
		o := &unstructured.Unstructured{}
		if err := decoder.Decode(&o.Object); err != nil {
			return
		}
		if len(o.Object) == 0 {
			continue
		}
		if err := apply(ctx, e.Cluster(), o); err != nil {
			t.Fatal(err)
		}
	}
}

// Fail ends the test when there is an error among the findings.
func Fail(t testing.TB, ds hcl.Diagnostics) {
	t.Helper()
	for _, d := range ds {
		if d.Severity == hcl.DiagError {
			t.Fatalf("%s: %s", d.Summary, d.Detail)
		}
	}
}
