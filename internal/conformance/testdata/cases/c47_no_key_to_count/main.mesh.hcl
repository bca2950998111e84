resource "memory_object" "a" {
  count = 1
  name  = "a"
}
