resource "memory_object" "a" {
  name  = "a2"
  lifecycle {
    create_before_destroy = true
  }
}
