resource "memory_object" "a" {
  name     = "a"
  input    = { x = 1, y = 2 }
  provides = ["one", "two"]
}
