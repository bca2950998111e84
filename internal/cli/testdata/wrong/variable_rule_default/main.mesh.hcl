variable "low" {
  type    = number
  default = 9
  validation {
    condition     = var.low < var.high
    error_message = "The lower limit must be below the upper one, ${var.high}."
  }
}
variable "high" {
  type    = number
  default = 5
}
