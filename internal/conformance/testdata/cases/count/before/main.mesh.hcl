resource "memory_object" "a" {
  count = 3
  name  = "a${count.index}"
}
