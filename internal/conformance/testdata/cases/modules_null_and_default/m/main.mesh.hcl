variable "nullable" {
  type    = string
  default = "default"
}
variable "strict" {
  type     = string
  default  = "default"
  nullable = false
}
output "values" {
  value = [var.nullable, var.strict]
}
