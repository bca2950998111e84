data "memory_object" "missing" {
  name = "nobody"
}
resource "memory_object" "a" {
  name = "a"
}
resource "memory_object" "b" {
  name  = "b"
  input = data.memory_object.missing.input.x
}
output "x" {
  value = [][0]
}
