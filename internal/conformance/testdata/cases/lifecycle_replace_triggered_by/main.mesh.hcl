resource "memory_object" "a" {
  name  = "a"
  input = 2
}
resource "memory_object" "b" {
  name  = "b"
  lifecycle {
    replace_triggered_by = [memory_object.a]
  }
}
