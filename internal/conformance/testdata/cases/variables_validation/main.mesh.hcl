variable "replicas" {
  type    = number
  default = 4
  validation {
    condition     = var.replicas % 2 == 1
    error_message = "The number of replicas must be odd, not ${var.replicas}."
  }
  validation {
    condition     = var.replicas < 4
    error_message = "At most 3."
  }
}
variable "max" {
  type    = number
  default = 3
  validation {
    condition     = var.max >= var.replicas
    error_message = "The maximum is below ${var.replicas}."
  }
}
