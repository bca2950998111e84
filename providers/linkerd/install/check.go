package install

import (
	"context"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// Status is how a check ended. The zero value is invalid.
type Status uint8

// The outcomes of a check.
const (
	Success Status = iota + 1
	Warning        // worth knowing; nothing is broken
	Failed         // something is broken, or will be
)

// String returns the word that `linkerd check` uses.
func (s Status) String() string {
	switch s {
	case Success:
		return "success"
	case Warning:
		return "warning"
	case Failed:
		return "error"
	}
	return "invalid"
}

// The categories of checks, in the order in which they run. They carry the names of `linkerd check`.
const (
	CategoryAPI            = "kubernetes-api"
	CategoryVersion        = "kubernetes-version"
	CategoryGatewayAPI     = "gateway-api-crd"
	CategorySetup          = "pre-kubernetes-setup"
	CategoryConfig         = "linkerd-config"
	CategoryExistence      = "linkerd-existence"
	CategoryIdentity       = "linkerd-identity"
	CategoryWebhooks       = "linkerd-webhooks-and-apisvc-tls"
	CategoryIdentityProxy  = "linkerd-identity-data-plane"
	CategoryControlProxies = "linkerd-control-plane-proxy"
	CategoryDataPlane      = "linkerd-data-plane"
	CategoryHA             = "linkerd-ha-checks"
	CategoryExtensions     = "linkerd-extension-checks"
	CategoryCNI            = "linkerd-cni-plugin"
)

// Categories returns all categories in the order in which they run.
func Categories() []string {
	return []string{CategoryAPI, CategoryVersion, CategoryGatewayAPI, CategorySetup, CategoryConfig, CategoryExistence, CategoryIdentity, CategoryWebhooks,
		CategoryIdentityProxy, CategoryControlProxies, CategoryDataPlane, CategoryHA, CategoryExtensions, CategoryCNI}
}

// CheckResult is the outcome of one check.
type CheckResult struct {
	Category, Name string
	Status         Status
	Message        string // what was found; empty on success
	Hint           string // what to do; empty on success
}

// CheckOptions select checks. The zero value runs everything about an installed control plane.
type CheckOptions struct {
	// Categories to run; empty means all that fit Preflight.
	Categories []string
	// NoRights leaves the check of the credentials' rights out: who asks for them one by one knows better which are needed.
	NoRights bool
	// Preflight runs what must hold before the installation instead of what must hold after it.
	Preflight bool
	// Now judges certificates; WarnBefore is how long before their end they get a warning (0 means 60 days).
	Now        time.Time
	WarnBefore time.Duration
}

// check is one statement about the cluster. It returns what contradicts it, sorted; nothing means success.
type check struct {
	category, name, hint string
	warn                 bool // a contradiction is a warning only
	before, after        bool // runs before the installation, after it
	fatal                bool // when it fails, the checks after it cannot say anything
	test                 func(*facts) []string
}

// RunChecks runs the checks that need nothing but the Kubernetes API, in a fixed order. After a fatal failure the
// rest is left out. The diagnostics say what kept the checks from being made at all; with errors the results are
// those so far.
func RunChecks(ctx context.Context, c *kube.Cluster, e env.Env, o CheckOptions) ([]CheckResult, hcl.Diagnostics) {
	if o.WarnBefore == 0 {
		o.WarnBefore = 60 * 24 * time.Hour
	}
	f := &facts{ctx: ctx, cluster: c, env: e, options: o}
	var out []CheckResult
	for _, k := range allChecks() {
		if o.Preflight && !k.before || !o.Preflight && !k.after || o.NoRights && k.name == checkRights {
			continue
		}
		if len(o.Categories) > 0 && !slices.Contains(o.Categories, k.category) {
			continue
		}
		problems, warnings := k.test(f), f.takeWarnings()
		if f.ds.HasErrors() {
			return out, f.ds
		}
		if problems == nil && warnings == nil && f.takeSkipped() {
			continue
		}
		r := result(k, problems, warnings)
		out = append(out, r)
		if k.fatal && r.Status == Failed {
			break
		}
	}
	return out, f.ds
}

func result(k check, problems, warnings []string) CheckResult {
	r := CheckResult{Category: k.category, Name: k.name, Status: Success}
	switch {
	case len(problems) > 0 && !k.warn:
		r.Status, r.Message, r.Hint = Failed, list(append(problems, warnings...)), k.hint
	case len(problems)+len(warnings) > 0:
		r.Status, r.Message, r.Hint = Warning, list(append(problems, warnings...)), k.hint
	}
	return r
}

// allChecks returns the checks in the order in which they run.
func allChecks() []check {
	return slices.Concat(clusterChecks(), configChecks(), existenceChecks(), certificateChecks(), proxyChecks(), extensionChecks())
}
