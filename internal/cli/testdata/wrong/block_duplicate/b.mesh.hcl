resource "memory_object" "web" {
  name = "other"
}
