resource "memory_object" "a" {
  name     = "a"
  input    = { y = 2, x = 1 }
  provides = ["two", "one", "two"]
}
