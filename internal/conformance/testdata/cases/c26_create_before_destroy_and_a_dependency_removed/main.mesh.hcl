resource "memory_object" "b" {
  name = "b2"
  lifecycle {
    create_before_destroy = true
  }
}
resource "memory_object" "c" {
  name  = "c"
  input = memory_object.b.id
}
resource "memory_object" "a_renamed" {
  name  = "a2"
  input = memory_object.c.id
}
