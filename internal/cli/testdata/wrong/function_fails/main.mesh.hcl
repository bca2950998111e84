resource "memory_object" "web" {
  name  = "web"
  input = jsondecode("{")
}
