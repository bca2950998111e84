variable "n" {
  type    = number
  default = 2
}
resource "memory_object" "a" {
  name  = "a"
  input = var.n
  lifecycle {
    precondition {
      condition     = var.n > 2
      error_message = "Only ${var.n}."
    }
  }
}
