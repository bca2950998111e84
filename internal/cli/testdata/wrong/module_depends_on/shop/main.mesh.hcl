variable "name" {
  type = string
}
variable "replicas" {
  type    = number
  default = 2
  validation {
    condition     = var.replicas > 1
    error_message = "Two replicas are the least that survives a restart."
  }
}
resource "memory_object" "this" {
  name = var.name
}
output "id" {
  value = memory_object.this.id
}
