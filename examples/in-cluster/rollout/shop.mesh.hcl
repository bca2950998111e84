# What the jobs look after: one small application in a namespace that exists. The same directory works on a laptop and in
# a pod: without a kubeconfig meshplan uses the service account of its pod.
meshplan {
  backend "kubernetes" {
    namespace = "meshplan"
    name      = "shop"
  }
}

variable "replicas" {
  type        = number
  default     = 2
  description = "Pods of the web server."
}

resource "kubernetes_manifest" "settings" {
  manifest = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "web", namespace = "shop" }
    data       = { greeting = "hello" }
  }
}

resource "kubernetes_manifest" "web" {
  manifest = {
    apiVersion = "apps/v1"
    kind       = "Deployment"
    metadata   = { name = "web", namespace = "shop" }
    spec = {
      replicas = var.replicas
      selector = { matchLabels = { app = "web" } }
      template = {
        metadata = { labels = { app = "web" } }
        spec = {
          containers = [{
            name    = "web"
            image   = "registry.k8s.io/e2e-test-images/agnhost:2.53"
            args    = ["netexec", "--http-port=8080"]
            envFrom = [{ configMapRef = { name = kubernetes_manifest.settings.name } }]
          }]
        }
      }
    }
  }
  conflicts = "force" # what is written here wins over changes by hand
  wait {
    rollout = true
    timeout = "5m"
  }
}
