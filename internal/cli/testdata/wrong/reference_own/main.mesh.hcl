resource "memory_object" "web" {
  name  = "web"
  input = memory_object.web.id
}
