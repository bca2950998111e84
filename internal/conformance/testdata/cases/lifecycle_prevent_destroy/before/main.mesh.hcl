resource "memory_object" "a" {
  name = "a"
  lifecycle {
    prevent_destroy = true
  }
}
