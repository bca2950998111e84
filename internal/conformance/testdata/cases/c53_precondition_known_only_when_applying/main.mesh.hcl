resource "memory_object" "a" {
  name  = "a"
}

resource "memory_object" "b" {
  name = "b"
  lifecycle {
    precondition {
      condition     = length(memory_object.a.id) > 100
      error_message = "The identity ${memory_object.a.name} is too short."
    }
  }
}
