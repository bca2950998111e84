resource "memory_object" "web" {
  name = local.name
}
