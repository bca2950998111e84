# Who may call whom. The permissions exist before anything is refused, and what refuses is loosened before they go.

resource "linkerd_mesh_tls_authentication" "callers" {
  for_each = local.called

  namespace        = kubernetes_namespace.shop.name
  name             = "${each.key}-callers"
  service_accounts = [for caller in local.callers[each.key] : "shop/${caller}"]
}

# The servers that linkerd_inbound_policy makes are named after workload and port, so that they can be opened before they exist.
resource "linkerd_authorization_policy" "callers" {
  for_each = setsubtract(local.called, ["paymentservice"])

  namespace                = kubernetes_namespace.shop.name
  name                     = "${each.key}-callers"
  target                   = { kind = "Server", name = "deployment-${each.key}-8080" }
  required_authentications = [linkerd_mesh_tls_authentication.callers[each.key]]
}

# Payments have a server of their own, which never stands open.
resource "linkerd_server" "payment" {
  namespace     = kubernetes_namespace.shop.name
  name          = "paymentservice-http"
  pod_selector  = { app = "paymentservice" }
  port          = "http"
  access_policy = var.enforcement

  depends_on = [linkerd_gate.encrypted]
}

resource "linkerd_authorization_policy" "payment" {
  namespace                = kubernetes_namespace.shop.name
  name                     = "paymentservice-callers"
  target                   = linkerd_server.payment
  required_authentications = [linkerd_mesh_tls_authentication.callers["paymentservice"]]
}

# Everything else: first only count what would be refused, then refuse it, if the traffic shows that nobody is locked out.
resource "linkerd_inbound_policy" "shop" {
  namespace = kubernetes_namespace.shop.name
  mode      = var.enforcement

  gate {
    window       = "5s"
    min_requests = var.min_requests
    timeout      = "2m"
  }

  depends_on = [linkerd_gate.encrypted, linkerd_authorization_policy.callers]
}
