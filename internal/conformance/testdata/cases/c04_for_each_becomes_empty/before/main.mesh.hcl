resource "memory_object" "b" {
  for_each = toset(["a", "b"])
  name     = each.key
}
