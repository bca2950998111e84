# A team's namespace in one cluster, with a service account and a Service for each of its services.

variable "name" {
  type = string
}

variable "services" {
  type = map(object({ port = number, everywhere = bool }))
}

variable "twin" {
  type        = string
  description = "UID of the same namespace in another cluster."
  default     = null
}

resource "kubernetes_namespace" "team" {
  name        = var.name
  annotations = var.twin == null ? {} : { "example.com/twin" = var.twin }
}

resource "kubernetes_manifest" "account" {
  for_each = var.services

  manifest = {
    apiVersion = "v1"
    kind       = "ServiceAccount"
    metadata   = { name = each.key, namespace = kubernetes_namespace.team.name }
  }
}

resource "kubernetes_manifest" "service" {
  for_each = var.services

  manifest = {
    apiVersion = "v1"
    kind       = "Service"
    metadata   = { name = each.key, namespace = kubernetes_namespace.team.name }
    spec = {
      ports    = [{ name = "http", port = each.value.port }]
      selector = { app = kubernetes_manifest.account[each.key].name }
    }
  }
}

output "uid" {
  value = kubernetes_namespace.team.uid
}

output "services" {
  value = [for s in kubernetes_manifest.service : "${s.namespace}/${s.name}"]
}
