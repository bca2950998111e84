resource "memory_object" "a" {
  name  = "a2"
}
resource "memory_object" "b" {
  name  = "b2"
  input = memory_object.a.id
  lifecycle {
    create_before_destroy = true
  }
}
