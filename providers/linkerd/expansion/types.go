package expansion

import (
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/env"
	"github.com/meshplan/meshplan/providers/linkerd/typed"
)

// Types returns the resource types of this package by name. They share what one provider instance plans.
func Types(e env.Env, w *typed.World) map[string]providers.ResourceType {
	return map[string]providers.ResourceType{
		"linkerd_external_workload": typed.New(workloadKind(), e, w),
		"linkerd_link":              typed.New(linkKind(e), e, w),
	}
}
