resource "memory_object" "web" {
  name = "web"
  lifecycle {
    replace_triggered_by = [var.region]
  }
}
variable "region" {
  type = string
}
