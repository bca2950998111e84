resource "memory_object" "a" {
  for_each = toset(["x", "y"])
  name     = each.key
  input    = each.key == "y" ? memory_object.a["x"].id : null
}
