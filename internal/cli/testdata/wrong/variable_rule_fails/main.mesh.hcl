variable "replicas" {
  type = number
  validation {
    condition     = var.replicas >= 2
    error_message = "Two replicas are the least that survives a restart."
  }
}
