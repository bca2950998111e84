resource "memory_object" "a" {
  name  = "a"
  input = 1
}
resource "memory_object" "b" {
  name  = "b"
  input = 2
}

data "memory_object" "all" {
  for_each = toset(["a", "b"])
  name     = each.key
}
output "all" {
  value = { for k, d in data.memory_object.all : k => d.input }
}
