resource "memory_object" "b" {
  provider = memory.two
  name     = "b"
}
