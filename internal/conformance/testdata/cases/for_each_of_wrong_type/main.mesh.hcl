resource "memory_object" "a" {
  for_each = ["x", "y"]
  name     = each.key
}
