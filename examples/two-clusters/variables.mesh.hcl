variable "west" {
  type        = string
  description = "Context of the kubeconfig for the first cluster."
}

variable "east" {
  type        = string
  description = "Context of the kubeconfig for the second cluster."

  validation {
    condition     = var.east != var.west
    error_message = "The clusters must be two: both contexts are ${var.west}."
  }
}

variable "services" {
  type = map(object({
    port       = optional(number, 8080)
    everywhere = optional(bool, false)
  }))
  default = {
    trip     = { everywhere = true }
    location = { everywhere = true, port = 9090 }
    payment  = {}
  }
}
