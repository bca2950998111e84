resource "memory_object" "a" {
  name  = "a"
  input = 1
}
resource "memory_object" "b" {
  name  = "b"
  input = 1
}
