resource "memory_object" "b" {
  for_each = toset([])
  name     = each.key
}
