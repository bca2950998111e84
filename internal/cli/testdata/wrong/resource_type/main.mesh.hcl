resource "memory_objekt" "web" {
  name = "web"
}
