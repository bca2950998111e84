provider "kubernetes" {
  contxt = "prod"
}
resource "kubernetes_namespace" "shop" {
  name = "shop"
}
