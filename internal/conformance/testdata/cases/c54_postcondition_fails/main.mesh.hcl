resource "memory_object" "a" {
  name = "a"
  lifecycle {
    postcondition {
      condition     = length(self.id) > 100
      error_message = "The identity is too short."
    }
  }
}
resource "memory_object" "b" {
  name  = "b"
  input = memory_object.a.id
}
