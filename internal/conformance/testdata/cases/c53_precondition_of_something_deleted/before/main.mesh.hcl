resource "memory_object" "a" {
  name  = "a"
}

resource "memory_object" "b" {
  name = "b"
  lifecycle {
    precondition {
      condition     = memory_object.a.name == "a"
      error_message = "Another name."
    }
  }
}
