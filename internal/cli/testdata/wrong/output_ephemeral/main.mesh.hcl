variable "token" {
  type      = string
  ephemeral = true
  default   = "hunter2"
}
output "token" {
  value     = var.token
  ephemeral = true
}
