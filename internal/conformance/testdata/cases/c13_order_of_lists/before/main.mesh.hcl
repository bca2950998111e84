resource "memory_object" "a" {
  name  = "a"
  input = ["x", "y"]
}
