package cli

import (
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
)

// builtin returns the providers that are compiled in. They share connections. Nothing is connected yet.
func builtin(c connection) providers.Registry {
	pool := kube.NewPool(kube.Options{Kubeconfig: c.kubeconfig, Context: c.context, Logger: c.logger, UserAgent: "meshplan/" + readVersion().Version})
	return providers.Registry{
		"kubernetes": kubernetes.New(pool, nil),
	}
}
