resource "memory_object" "web" {
  name = "web"
  id   = "17"
}
