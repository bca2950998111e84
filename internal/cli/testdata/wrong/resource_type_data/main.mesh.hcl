data "kubernetes_manifest" "web" {
  name = "web"
}
