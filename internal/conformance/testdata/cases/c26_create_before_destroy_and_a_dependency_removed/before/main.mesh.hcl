resource "memory_object" "a" {
  name = "a"
  lifecycle {
    create_before_destroy = true
  }
}
resource "memory_object" "b" {
  name  = "b"
  input = memory_object.a.id
  lifecycle {
    create_before_destroy = true
  }
}
resource "memory_object" "c" {
  name  = "c"
  input = memory_object.b.id
}
