resource "memory_object" {
  name = "web"
}
