resource "memory_object" "a" {
  for_each = toset(["a", "b"])
  name     = each.key
}
moved {
  from = memory_object.a
  to   = memory_object.a["a"]
}
