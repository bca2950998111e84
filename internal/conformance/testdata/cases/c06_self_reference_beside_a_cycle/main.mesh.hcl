locals {
  x = local.y
  y = local.x
}
resource "memory_object" "a" {
  name  = "a"
  input = memory_object.a.id
}
