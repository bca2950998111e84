resource "memory_object" "this" {
  provider = memory.primary
  name     = "x"
}
