variable "name" {
  type = string
}
resource "memory_object" "this" {
  nmae = var.name
}
