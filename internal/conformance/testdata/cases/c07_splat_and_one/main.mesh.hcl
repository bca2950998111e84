variable "on" {
  type    = bool
  default = false
}
locals {
  none = null
  obj  = { a = 1 }
}
resource "memory_object" "off" {
  count = var.on ? 1 : 0
  name  = "off"
}
resource "memory_object" "on" {
  count = 1
  name  = "on"
}
output "off" {
  value = memory_object.off[*].name
}
output "off_one" {
  value = one(memory_object.off[*].name)
}
output "on_one" {
  value = one(memory_object.on[*].name)
}
output "null_splat" {
  value = local.none[*]
}
output "object_splat" {
  value = local.obj[*].a
}
output "one_of_nothing" {
  value = one([])
}
