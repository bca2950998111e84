resource "memory_object" "web" {
  nmae = "web"
}
