resource "memory_object" "web" {
  count = 1.5
  name  = "web-${count.index}"
}
resource "memory_object" "api" {
  count = -1
  name  = "api-${count.index}"
}
