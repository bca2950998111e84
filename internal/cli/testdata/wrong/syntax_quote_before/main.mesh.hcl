resource "memory_object" "web" {
  name = web"
  input = {
    port = 80
  }
}
