variable "secret" {
  type      = string
  default   = "hunter2"
  sensitive = true
}
resource "memory_object" "a" {
  name  = "a"
  input = tonumber(var.secret)
}
resource "memory_object" "b" {
  name = "b"
  lifecycle {
    precondition {
      condition     = var.secret == "x"
      error_message = "The secret is ${var.secret}."
    }
  }
}
