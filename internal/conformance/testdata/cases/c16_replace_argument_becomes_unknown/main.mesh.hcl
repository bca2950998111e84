resource "memory_object" "a" {
  name  = "a2"
}
resource "memory_object" "b" {
  name = "b-${memory_object.a.id}"
}
