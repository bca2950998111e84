resource "memory_object" "web" {
  name = uper("web")
}
