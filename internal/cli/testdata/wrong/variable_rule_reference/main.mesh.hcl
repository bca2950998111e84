variable "region" {
  type = string
  validation {
    condition     = contains(local.regions, var.region)
    error_message = "Unknown region."
  }
}
locals {
  regions = ["eu"]
}
