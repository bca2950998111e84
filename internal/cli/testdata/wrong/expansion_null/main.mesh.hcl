resource "memory_object" "web" {
  for_each = toset(["a", null])
  name     = "x"
}
