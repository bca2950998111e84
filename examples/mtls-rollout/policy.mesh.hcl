# Who may call whom. The permissions exist before anything is refused, and what refuses is loosened before they go.

resource "linkerd_server" "http" {
  for_each = local.services

  namespace     = kubernetes_namespace.shop.name
  name          = "${each.key}-http"
  pod_selector  = { app = each.key }
  port          = "http"
  access_policy = var.enforcement

  depends_on = [linkerd_gate.meshed]
}

resource "linkerd_mesh_tls_authentication" "callers" {
  for_each = local.called

  namespace        = kubernetes_namespace.shop.name
  name             = "${each.key}-callers"
  service_accounts = [for caller in local.callers[each.key] : "shop/${caller}"]
}

resource "linkerd_authorization_policy" "callers" {
  for_each = local.called

  namespace                = kubernetes_namespace.shop.name
  name                     = "${each.key}-callers"
  target                   = linkerd_server.http[each.key]
  required_authentications = [linkerd_mesh_tls_authentication.callers[each.key]]
}
