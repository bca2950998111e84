resource "memory_object" "a" {
  name  = "a"
  input = [12345678901234567890123, 1 / 3, 0.1]
}
