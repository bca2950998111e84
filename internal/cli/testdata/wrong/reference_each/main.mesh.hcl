resource "memory_object" "web" {
  name = each.key
}
