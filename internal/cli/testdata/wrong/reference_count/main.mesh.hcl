resource "memory_object" "web" {
  for_each = toset(["a"])
  name     = "web-${count.index}"
}
