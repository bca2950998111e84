variable "region" {
  type = string
  validation {
    condition     = var.zone != ""
    error_message = "Name a zone."
  }
}
variable "zone" {
  type = string
}
