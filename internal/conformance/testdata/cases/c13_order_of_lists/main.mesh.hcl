resource "memory_object" "a" {
  name  = "a"
  input = ["y", "x"]
}
