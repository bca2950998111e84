data "memory_object" "web" {
  name = "web"
  lifecycle {
    prevent_destroy = true
  }
}
