resource "memory_object" "a" {
  name  = "a"
  input = timestamp()
}
resource "memory_object" "b" {
  name  = "b"
  input = uuid()
}
