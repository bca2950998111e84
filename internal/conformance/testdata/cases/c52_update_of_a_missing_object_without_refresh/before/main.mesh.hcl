resource "memory_object" "a" {
  name  = "a"
  input = 1
}
