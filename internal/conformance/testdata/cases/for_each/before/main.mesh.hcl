resource "memory_object" "a" {
  for_each = { x = 1, y = 2 }
  name     = each.key
  input    = each.value
}
