resource "memory_object" "a" {
  name  = "a"
}
resource "memory_object" "b" {
  name  = "b"
}
resource "memory_object" "c" {
  name  = "c"
  input = memory_object.a.id
}
resource "memory_object" "d" {
  name  = "d"
  input = memory_object.b.id
}
output "d" {
  value = memory_object.d.name
}
