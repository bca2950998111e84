resource "memory_object" "web server" {
  name = "web"
}
