resource "memory_object" "a" {
  for_each = { for x in ["a", "a"] : x => x }
  name     = each.key
}
