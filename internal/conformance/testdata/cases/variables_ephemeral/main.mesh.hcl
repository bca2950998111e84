variable "token" {
  type      = string
  default   = "t0k3n"
  ephemeral = true
}
resource "memory_object" "a" {
  name  = "a"
  input = var.token
}
