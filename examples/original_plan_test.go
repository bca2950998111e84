package examples

import (
	"testing"
)

// originalPlan is the policy of the document that this program was asked for from, as it stands there.
const originalPlan = `
resource "kubernetes_manifest" "server" {
  manifest = {
    apiVersion = "policy.linkerd.io/v1beta1"
    kind       = "Server"
    metadata   = { name = "default-server", namespace = "default" }
    spec = {
      podSelector = { matchLabels = {} }
      port        = { name = "http", protocol = "TCP", number = 80 }
    }
  }
}

resource "kubernetes_manifest" "authorization" {
  manifest = {
    apiVersion = "policy.linkerd.io/v1beta1"
    kind       = "ServerAuthorization"
    metadata   = { name = "default-authorization", namespace = "default" }
    spec = {
      server = { name = "default-server" }
      client = { unauthenticated = true, networks = [{ cidr = "10.0.0.0/8" }] }
    }
  }
}
`

// TestOriginalPlanIsNamedFaultByFault: each fault of the original YAML is named with its correction.
func TestOriginalPlanIsNamedFaultByFault(t *testing.T) {
	w := newWorkspace(t, "")
	w.write("original.mesh.hcl", originalPlan)
	r := w.must(1, "plan")
	contains(t, r, words(r.stdout+r.stderr),
		"[linkerd.manifest.port-object]", "Write port: 80, or port: http",
		"[linkerd.manifest.deprecated-version]", "policy.linkerd.io/v1beta3",
		"[linkerd.manifest.denies-at-once]", "accessPolicy: audit",
		"[linkerd.manifest.one-port]", "One Server is not mTLS for all services",
		"[linkerd.manifest.legacy-authorization]", "linkerd_authorization_policy",
		"[linkerd.manifest.unauthenticated]", "lets every plaintext client from 10.0.0.0/8 in", "client: {meshTLS: {serviceAccounts:",
	)
}
