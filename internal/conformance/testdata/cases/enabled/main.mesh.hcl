variable "on" {
  type    = bool
  default = false
}
resource "memory_object" "a" {
  enabled = var.on
  name    = "a"
}
resource "memory_object" "b" {
  enabled = !var.on
  name    = "b"
}
output "a" {
  value = memory_object.a
}
output "b" {
  value = memory_object.b.name
}
