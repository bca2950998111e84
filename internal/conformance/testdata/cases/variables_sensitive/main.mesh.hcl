variable "secret" {
  type      = string
  default   = "hunter2"
  sensitive = true
}
resource "memory_object" "a" {
  name   = "a"
  input  = { password = var.secret, length = nonsensitive(length(var.secret)) }
  secret = var.secret
}
output "secret" {
  value     = "x-${var.secret}"
  sensitive = true
}
