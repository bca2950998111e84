resource "memory_object" "cell" {
  name  = "cell"
}
