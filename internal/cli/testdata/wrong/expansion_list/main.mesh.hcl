resource "memory_object" "web" {
  for_each = ["a", "b"]
  name     = each.key
}
