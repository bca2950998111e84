resource "memory_object" "web" {
  count    = 2
  for_each = toset(["a"])
  name     = each.key
}
