variable "a" { type = string }
variable "b" { type = string }
variable "c" { type = string }
variable "d" { type = string }
variable "e" {
  type    = string
  default = "default"
}
output "all" {
  value = [var.a, var.b, var.c, var.d, var.e]
}
