provider "memory" {
  alias = "east"
}
resource "memory_object" "a" {
  provider = memory.east
  name     = "a"
}
