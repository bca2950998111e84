resource "memory_object" "web" {
  name = "web"
  lifecycle {
    prevent_destory = true
  }
}
