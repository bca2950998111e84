# Installs the jobs: their namespace, service accounts and rights, the drift job, and the configuration that it reads.
# "kubectl apply -f manifests/" does the same, but for the configuration.
resource "kubernetes_manifest" "jobs" {
  for_each = merge([for f in fileset("manifests", "*.yaml") : manifests("manifests/${f}")]...)
  manifest = each.value
}

# The files of the rollout, as the pods see them in /rollout. The order needs no word: a namespace comes before its content,
# and what a job mounts before the job.
resource "kubernetes_manifest" "rollout" {
  manifest = {
    apiVersion = "v1"
    kind       = "ConfigMap"
    metadata   = { name = "rollout", namespace = "meshplan" }
    data       = { for f in fileset("rollout", "*.hcl") : f => file("rollout/${f}") }
  }
}
