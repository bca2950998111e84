resource "memory_object" "web" {
  input = 1
}
