package cli

import (
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd"
)

// builtin returns the providers that are compiled in. They share connections. Nothing is connected yet.
func builtin(c connection) providers.Registry {
	manifests := &linkerd.Manifests{}
	pool := kube.NewPool(kube.Options{Inspect: manifests.Inspect, Kubeconfig: c.kubeconfig, Context: c.context, Logger: c.logger, Verify: c.verify, Waiting: c.waiting, UserAgent: "meshplan/" + readVersion().Version})
	baseDir := func() string { return c.dir }
	return providers.Registry{
		"kubernetes": kubernetes.New(pool, baseDir),
		"linkerd":    linkerd.New(pool, linkerd.Options{BaseDir: baseDir, Manifests: manifests}),
	}
}
