variable "n" {
  type    = number
  default = 3
}
output "n" {
  value = var.n
  precondition {
    condition     = var.n < 3
    error_message = "It is ${var.n}, but must be less than 3."
  }
}
