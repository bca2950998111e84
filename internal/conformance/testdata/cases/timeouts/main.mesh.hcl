resource "memory_object" "a" {
  name = "a"
  timeouts {
    create = "1m"
  }
}
