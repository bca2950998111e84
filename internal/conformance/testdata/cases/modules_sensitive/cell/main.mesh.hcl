variable "secret" {
  type      = string
  sensitive = true
}
output "secret" {
  value     = var.secret
  sensitive = true
}
