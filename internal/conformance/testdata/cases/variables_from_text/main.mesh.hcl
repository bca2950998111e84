variable "a" { type = string }
variable "b" { type = number }
variable "c" { type = bool }
variable "d" { type = list(number) }
variable "e" { type = map(string) }
variable "f" { type = object({ x = number, y = optional(string, "z") }) }
variable "g" { type = string }
variable "h" { type = any }
variable "i" { type = string }
variable "j" { type = set(string) }
output "all" {
  value = [var.a, var.b, var.c, var.d, var.e, var.f, var.g, var.h, var.i, var.j]
}
