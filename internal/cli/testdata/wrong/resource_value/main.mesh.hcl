resource "kubernetes_namespace" "shop" {
  name = "My Shop"
}
