resource "memory_object" "web" {
  name = memory_object.wbe.name
}
