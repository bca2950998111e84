variable "prefix" {
  type    = string
  default = "west"
}
resource "memory_object" "cell" {
  name = "${var.prefix}-cell"
}
