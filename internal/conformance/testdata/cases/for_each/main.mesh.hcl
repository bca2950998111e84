resource "memory_object" "a" {
  for_each = { y = 3, z = 4 }
  name     = each.key
  input    = each.value
}
resource "memory_object" "b" {
  for_each = memory_object.a
  name     = "b-${each.key}"
  input    = each.value.input
}
output "inputs" {
  value = { for k, b in memory_object.b : k => b.input }
}
