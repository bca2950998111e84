variable "name" {
  type = string
}
resource "memory_object" "cell" {
  name = var.name
}
output "id" {
  value = memory_object.cell.id
}
