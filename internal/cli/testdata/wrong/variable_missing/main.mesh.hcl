variable "region" {
  type = string
}
resource "memory_object" "web" {
  name = "web"
}
