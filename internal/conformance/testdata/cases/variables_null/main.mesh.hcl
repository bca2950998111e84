variable "a" {
  type    = string
  default = "default"
}
variable "b" {
  type     = string
  default  = "default"
  nullable = true
}
variable "c" {
  type     = string
  default  = "default"
  nullable = false
}
variable "d" {
  type    = string
  default = null
}
output "a" {
  value = var.a == null ? "null" : var.a
}
output "b" {
  value = var.b == null ? "null" : var.b
}
output "c" {
  value = var.c
}
output "d" {
  value = var.d
}
