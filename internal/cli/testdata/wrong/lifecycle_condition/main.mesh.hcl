resource "memory_object" "web" {
  name = "web"
  lifecycle {
    precondition {
      condition = true
    }
  }
}
