resource "memory_object" "a" {
  name  = "a2"
  lifecycle {
    create_before_destroy = true
  }
}
resource "memory_object" "b" {
  name  = "b"
  input = memory_object.a.id
}
