# Proxies for the five services: servers before their clients, at most two restarts at a time, and every wave proved before
# the next one starts.

resource "linkerd_injection" "shop" {
  namespace            = kubernetes_namespace.shop.name
  depends_on_workloads = local.calls
  max_parallel         = 2
  proxy_version        = linkerd_control_plane.linkerd.app_version

  gate {
    timeout = "5m"
  }

  depends_on = [kubernetes_manifest.shop, linkerd_extension.viz]
}
