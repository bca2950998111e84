resource "memory_object" "apple" {
  name  = "apple"
}
