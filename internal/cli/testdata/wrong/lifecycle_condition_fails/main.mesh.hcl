variable "replicas" {
  type    = number
  default = 1
}
resource "memory_object" "web" {
  name = "web"
  lifecycle {
    precondition {
      condition     = var.replicas >= 2
      error_message = "Two replicas are the least that survives a restart."
    }
  }
}
