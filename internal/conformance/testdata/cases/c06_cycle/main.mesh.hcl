resource "memory_object" "b" {
  name  = "b"
  input = memory_object.a.id
}
resource "memory_object" "a" {
  name  = "a"
  input = local.c
}
locals {
  c = memory_object.b.id
}
