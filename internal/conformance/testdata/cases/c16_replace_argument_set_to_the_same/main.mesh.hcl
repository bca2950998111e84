locals {
  name = join("", ["a"])
}
resource "memory_object" "x" {
  name = "x"
}
resource "memory_object" "a" {
  name  = local.name
  input = 2
}
