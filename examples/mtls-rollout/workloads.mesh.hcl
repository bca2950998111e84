# The five services, as their own manifests say. Nothing in them knows of the mesh.

resource "kubernetes_namespace" "shop" {
  name = "shop"
}

resource "kubernetes_manifest" "shop" {
  for_each = merge([for file in fileset("manifests", "*.yaml") : manifests("manifests/${file}")]...)
  manifest = each.value

  wait {
    rollout = true
  }
}

resource "kubernetes_manifest" "traffic" {
  enabled = var.simulate_traffic

  manifest = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "mesh-traffic", namespace = kubernetes_namespace.shop.name }
    data = {
      "traffic.yaml" = yamlencode(flatten([
        for caller, callees in local.calls : [
          for callee in callees : { from = "shop/${caller}", to = "shop/${callee}", port = 8080, rps = 20, success = 1 }
        ]
      ]))
    }
  }
}
