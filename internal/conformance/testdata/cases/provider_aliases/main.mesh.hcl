provider "memory" {
  identity = "one"
}
provider "memory" {
  alias    = "two"
  identity = "one"
}
resource "memory_object" "a" {
  name = "a"
}
resource "memory_object" "b" {
  provider = memory.two
  name     = "b"
}
