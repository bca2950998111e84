resource "memory_object" "a" {
  name  = "a"
}

resource "memory_object" "b" {
  for_each = { x = memory_object.a.id, y = "known" }
  name     = each.key
  input    = each.value
}
output "inputs" {
  value = { for k, b in memory_object.b : k => length(b.input) > 0 }
}
