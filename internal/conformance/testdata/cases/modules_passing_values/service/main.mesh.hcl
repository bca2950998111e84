variable "name" {
  type = string
}
variable "settings" {
  type = object({ port = number, tags = optional(list(string), []) })
}
variable "unset" {
  type    = string
  default = null
}
locals {
  label = format("%s:%d%s", var.name, var.settings.port, join("", formatlist("+%s", var.settings.tags)))
}
output "label" {
  value = local.label
}
output "port" {
  value = var.settings.port
}
output "nothing" {
  value = var.unset
}
