resource "memory_object" "a" {
  count = 2
  name  = "a${count.index}"
}
