variable "big" {
  type = bool
}
resource "memory_object" "web" {
  name = var.big ? "large"
}
