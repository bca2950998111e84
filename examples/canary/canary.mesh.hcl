# A new version of a meshed service gets traffic by steps, and loses it again by itself when it fails.
# It goes on where examples/mtls-rollout ends: the namespace shop is meshed, and tripservice calls paymentservice.

variable "weight" {
  description = "Percent of the calls that the new version is to get"
  type        = number
  default     = 50

  validation {
    condition     = var.weight >= 0 && var.weight <= 100
    error_message = "The weight is a share in percent, from 0 to 100."
  }
}

variable "min_requests" {
  description = "Responses that each step of the canary must have seen"
  type        = number
  default     = 10
}

locals {
  labels = { app = "paymentservice-v2" }
}

resource "kubernetes_manifest" "deployment" {
  manifest = {
    apiVersion = "apps/v1"
    kind       = "Deployment"
    metadata   = { name = "paymentservice-v2", namespace = "shop" }
    spec = {
      selector = { matchLabels = local.labels }
      template = {
        metadata = { labels = local.labels, annotations = { "linkerd.io/inject" = "enabled" } }
        spec = {
          containers = [{
            name  = "paymentservice"
            image = "registry.k8s.io/e2e-test-images/agnhost:2.53"
            args  = ["netexec", "--http-port=8080", "--udp-port=-1"]
            ports = [{ name = "http", containerPort = 8080 }]
          }]
        }
      }
    }
  }

  wait {
    rollout = true
  }
}

resource "kubernetes_manifest" "service" {
  manifest = {
    apiVersion = "v1"
    kind       = "Service"
    metadata   = { name = "paymentservice-v2", namespace = "shop" }
    spec       = { selector = local.labels, ports = [{ name = "http", port = 80, targetPort = "http" }] }
  }
}

resource "linkerd_traffic_split" "payment" {
  namespace = "shop"
  service   = "paymentservice"
  port      = 80

  backend "paymentservice" { weight = 100 - var.weight }
  backend "paymentservice-v2" { weight = var.weight }

  # Testers get the new version whatever the weights are.
  match {
    headers = { "x-canary" = "yes" }
    backend = "paymentservice-v2"
  }

  canary {
    steps            = [20]
    window           = "2s"
    min_requests     = var.min_requests
    min_success_rate = 0.99
    timeout          = "1m"
  }

  depends_on = [kubernetes_manifest.deployment, kubernetes_manifest.service]
}

# Failed calls are retried once, and an endpoint that keeps failing is left out for a while.
resource "linkerd_retry_policy" "payment" {
  namespace       = "shop"
  name            = "paymentservice"
  http            = ["5xx"]
  limit           = 1
  timeout         = "500ms"
  request_timeout = "2s"
}

resource "linkerd_circuit_breaker" "payment" {
  namespace    = "shop"
  name         = "paymentservice"
  max_failures = 5
}

output "weights" {
  value = linkerd_traffic_split.payment.weights
}
