resource "memory_object" "a_cell" {
  name = "cell"
}
