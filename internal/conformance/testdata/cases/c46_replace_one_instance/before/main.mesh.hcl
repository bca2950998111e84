resource "memory_object" "b" {
  for_each = toset(["x", "y"])
  name     = each.key
}
