moved {
  from = memory_object.web
  to   = kubernetes_manifest.web
}
resource "kubernetes_manifest" "web" {
  manifest = {}
}
