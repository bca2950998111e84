variable "protect" {
  type    = bool
  default = true
}
resource "memory_object" "web" {
  name = "web"
  lifecycle {
    prevent_destroy = var.protect
  }
}
