resource "memory_object" "web" {
  name       = "web"
  depends_on = [memory_object.api]
}
resource "memory_object" "api" {
  name       = "api"
  depends_on = [memory_object.web]
}
