resource "memory_object" "web" {
  name = "web"
}
resource "memory_object" "api" {
  name = memory_object.web.nmae
}
