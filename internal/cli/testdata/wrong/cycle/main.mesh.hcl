locals {
  a = memory_object.web.id
}
resource "memory_object" "web" {
  name = memory_object.api.id
}
resource "memory_object" "api" {
  name = local.a
}
