resource "memory_object" "a" {
  name = "a"
  lifecycle {
    ignore_changes = [nothing]
  }
}
