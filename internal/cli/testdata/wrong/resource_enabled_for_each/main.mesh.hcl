resource "memory_object" "web" {
  enabled  = true
  for_each = toset(["a"])
  name     = each.key
}
