resource "memory_object" "a" {
  name  = "a"
  input = { x = 1 }
}
