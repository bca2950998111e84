resource "memory_object" "web" {
  provider = kubernetes
  name     = "web"
}
