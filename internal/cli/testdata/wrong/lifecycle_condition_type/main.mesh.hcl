resource "memory_object" "web" {
  name = "web"
  lifecycle {
    precondition {
      condition     = "yes"
      error_message = "x"
    }
  }
}
