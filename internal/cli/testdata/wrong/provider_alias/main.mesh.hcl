resource "memory_object" "web" {
  provider = memory.east
  name     = "web"
}
