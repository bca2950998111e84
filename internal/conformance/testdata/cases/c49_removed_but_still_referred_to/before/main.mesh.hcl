resource "memory_object" "a" {
  name  = "a"
}
resource "memory_object" "b" {
  name  = "b"
  input = memory_object.a.id
}
