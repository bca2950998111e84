# Proofs. A gate blocks what depends on it until the statement holds; "no data" never passes.

data "linkerd_check" "before" {
  preflight = true
}

resource "linkerd_gate" "meshed" {
  expect    = "meshed"
  namespace = linkerd_injection.shop.namespace
  timeout   = "2m"
  triggers  = { meshed = linkerd_injection.shop.meshed }
}

resource "linkerd_gate" "encrypted" {
  expect       = "mtls"
  namespace    = kubernetes_namespace.shop.name
  window       = "5s"
  min_requests = var.min_requests
  timeout      = "2m"
  triggers     = { meshed = linkerd_gate.meshed.result }
}

# After enforcement the services must still answer each other.
resource "linkerd_gate" "serving" {
  expect           = "success_rate"
  namespace        = kubernetes_namespace.shop.name
  window           = "5s"
  min_requests     = var.min_requests
  min_success_rate = 0.99
  timeout          = "2m"
  triggers         = { mode = linkerd_inbound_policy.shop.mode }
}

data "linkerd_certificates" "mesh" {
  depends_on = [linkerd_control_plane.linkerd]
}

data "linkerd_check" "after" {
  depends_on = [linkerd_gate.serving]
}

output "meshed" {
  description = "Workloads with a proved proxy in every pod"
  value       = linkerd_gate.meshed.result
}

output "encrypted" {
  description = "What the proxies measured before anything was enforced"
  value       = linkerd_gate.encrypted.result
}

output "enforced" {
  description = "The weakest policy in force on a port of the namespace"
  value       = linkerd_inbound_policy.shop.effective
}

output "serving" {
  description = "What the proxies measured under enforcement"
  value       = linkerd_gate.serving.result
}

output "healthy" {
  description = "Whether every check of the control plane passes"
  value       = data.linkerd_check.after.passed
}

output "trust_anchor_expires" {
  value = linkerd_trust_anchor.root.not_after
}

output "issuer_expires" {
  value = linkerd_identity_issuer.mesh.not_after
}
