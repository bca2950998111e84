resource "memory_object" "a" {
  name  = "a"
  input = { x = 1 }
}
resource "memory_object" "b" {
  name  = "b"
  input = { x = 1, y = 2 }
}
resource "memory_object" "c" {
  name  = "c"
  input = 1
}
