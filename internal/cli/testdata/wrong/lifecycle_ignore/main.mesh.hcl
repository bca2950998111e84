resource "memory_object" "web" {
  name = "web"
  lifecycle {
    ignore_changes = "input"
  }
}
