resource "memory_object" "a" {
  name  = "a"
}
