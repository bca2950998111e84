resource "memory_object" "web" {
  name = replace("web", "w")
}
