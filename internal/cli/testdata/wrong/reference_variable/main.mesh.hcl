variable "region" {
  type    = string
  default = "eu"
}
resource "memory_object" "web" {
  name = var.regoin
}
