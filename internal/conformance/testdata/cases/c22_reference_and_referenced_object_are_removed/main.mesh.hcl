resource "memory_object" "b" {
  name  = "b"
  input = "none"
}
