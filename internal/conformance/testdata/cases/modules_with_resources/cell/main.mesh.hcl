variable "name" {
  type = string
}
variable "after" {
  type    = string
  default = null
}
resource "memory_object" "cell" {
  name  = var.name
  input = var.after
}
output "id" {
  value = memory_object.cell.id
}
output "name" {
  value = memory_object.cell.name
}
