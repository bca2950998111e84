resource "memory_object" "a" {
  name  = "other"
}
