resource "memory_object" "b" {
  for_each = toset(["a", null])
  name     = each.key
}
