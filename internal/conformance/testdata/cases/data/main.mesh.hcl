resource "memory_object" "a" {
  name  = "a"
  input = { x = 1 }
}

data "memory_object" "a" {
  name = memory_object.a.name
}
output "x" {
  value = data.memory_object.a.input.x
}
