resource "memory_object" "web" {
  name = "web"
}
removed {
  from = memory_object.web
  lifecycle {
    destroy = false
  }
}
