package certs

import (
	"context"

	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/schema"
	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/kubernetes/kube"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// InventoryRights says what Inventory needs.
func InventoryRights(purpose providers.Purpose, e env.Env) []providers.Right {
	const why = "see the certificates of the mesh"
	secrets := []string{IssuerName}
	out := []providers.Right{kube.ReadRight(purpose, "get", "", "configmaps", e.Namespace(), why, TrustRootsName)}
	for _, w := range Webhooks() {
		secrets = append(secrets, w.Secret)
		out = append(out, providers.Right{For: purpose, Group: w.Configuration.Group, Kind: w.Configuration.Kind, Names: []string{w.Configuration.Name}, Verbs: []string{"get"}, Why: why})
	}
	var extension []string
	for _, w := range ExtensionWebhooks("viz") {
		extension = append(extension, w.Secret)
		out = append(out, providers.Right{For: purpose, Group: w.Configuration.Group, Kind: w.Configuration.Kind, Names: []string{w.Configuration.Name}, Verbs: []string{"get"}, Why: why})
	}
	return append(append(out, RefusalRights(purpose, e)...),
		kube.ReadRight(purpose, "get", "", "secrets", e.Namespace(), why, secrets...),
		kube.ReadRight(purpose, "get", "", "secrets", "linkerd-viz", why, extension...))
}

// RefusalRights says what finding out needs whether the identity controller takes the issuer.
func RefusalRights(purpose providers.Purpose, e env.Env) []providers.Right {
	const why = "see whether the identity controller takes the issuer"
	pods := kube.ReadRight(purpose, "list", "", "pods", e.Namespace(), why)
	config := kube.ReadRight(purpose, "get", "", "configmaps", e.Namespace(), why, env.ConfigName)
	pods.Rare, config.Rare = true, true // only once it has said something
	return []providers.Right{kube.ReadRight(purpose, "list", "", "events", e.Namespace(), why), pods, config}
}

// Permit implements providers.Permitter.
func (s *certificatesSource) Permit(context.Context, providers.PermitRequest) ([]providers.Right, hcl.Diagnostics) {
	return InventoryRights(providers.ForPlan, s.env), nil
}

// rotationRights says what finding out needs who still depends on a former anchor.
func rotationRights(e env.Env) []providers.Right {
	const why = "see who still depends on a former anchor"
	issuer := kube.ReadRight(providers.ForPlan, "get", "", "secrets", e.Namespace(), why, IssuerName)
	pods := kube.ReadRight(providers.ForPlan, "list", "", "pods", kube.AnyNamespace, why)
	issuer.Rare, pods.Rare = true, true // only during a rotation
	return []providers.Right{issuer, pods, kube.ReadRight(providers.ForApply, "get", "", "configmaps", e.Namespace(), "keep what proxies trust", TrustRootsName)}
}

// Permit implements providers.Permitter.
func (t *anchorResource) Permit(_ context.Context, req providers.PermitRequest) ([]providers.Right, hcl.Diagnostics) {
	mode := schema.Text(req.Config.GetAttr("mode"))
	if mode == ModePEM {
		return rotationRights(t.env), nil
	}
	d := kube.Desired{Object: newSecret(secretRef(t.namespace(req.Config), schema.Text(req.Config.GetAttr("secret_name"))), typeTLS, nil, nil)}
	if mode == ModeSecret {
		return append(rotationRights(t.env), kube.ReadRight(providers.ForDrift, "get", "", "secrets", d.Object.GetNamespace(), "read the trust anchor", d.Object.GetName())), nil
	}
	o := kube.SetOptions{OnDestroy: kube.OnDestroyOrphan}
	if schema.True(req.Config.GetAttr("delete_on_destroy")) {
		o.OnDestroy = kube.OnDestroyDelete
	}
	out := append(t.env.Cluster().ObjectRights([]kube.Desired{d}, o, nil), rotationRights(t.env)...)
	if o.OnDestroy == kube.OnDestroyDelete {
		identity := identityRef(t.env.Namespace())
		out = append(out, kube.ReadRight(providers.ForApply, "get", identity.Group, "deployments", identity.Namespace, "see that nobody uses the key before it is deleted", identity.Name))
	}
	return out, nil
}

// Permit implements providers.Permitter.
func (t *issuerResource) Permit(_ context.Context, req providers.PermitRequest) ([]providers.Right, hcl.Diagnostics) {
	d := kube.Desired{Object: newSecret(secretRef(t.namespace(req.Config), IssuerName), typeTLS, nil, nil)}
	if schema.Text(req.Config.GetAttr("mode")) != ModeGenerate {
		return []providers.Right{kube.ReadRight(providers.ForDrift, "get", "", "secrets", d.Object.GetNamespace(), "read the issuer", IssuerName)}, nil
	}
	out := append(t.env.Cluster().ObjectRights([]kube.Desired{d}, kube.SetOptions{}, nil), rotationRights(t.env)...)
	// While the anchor's Secret is unknown, it is one that this configuration makes, and reads anyway.
	if anchor := req.Config.GetAttr("trust_anchor"); anchor.IsKnown() && !anchor.IsNull() {
		if ns, name, ok := splitSecret(schema.Text(anchor.GetAttr("secret"))); ok {
			out = append(out, kube.ReadRight(providers.ForApply, "get", "", "secrets", ns, "sign with the trust anchor's key", name))
		}
	}
	const why = "see the identity controller load the issuer"
	identity := identityRef(t.env.Namespace())
	restart := kube.ReadRight(providers.ForApply, "patch", identity.Group, "deployments", identity.Namespace, "restart the identity controller when it does not load the issuer", identity.Name)
	forward := kube.ForwardRight(providers.ForApply, identity.Namespace, "ask the identity controller how long its issuer is valid")
	restart.Rare, forward.Rare = true, true
	return append(out, restart, forward,
		kube.ReadRight(providers.ForApply, "get", identity.Group, "deployments", identity.Namespace, why, identity.Name),
		kube.ReadRight(providers.ForApply, "list", "", "pods", identity.Namespace, why),
		kube.ReadRight(providers.ForApply, "list", "", "events", identity.Namespace, why)), nil
}
