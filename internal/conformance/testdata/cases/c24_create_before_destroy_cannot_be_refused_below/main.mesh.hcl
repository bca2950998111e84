resource "memory_object" "a" {
  name  = "a"
  lifecycle {
    create_before_destroy = false
  }
}
resource "memory_object" "b" {
  name  = "b"
  input = memory_object.a.id
  lifecycle {
    create_before_destroy = true
  }
}
