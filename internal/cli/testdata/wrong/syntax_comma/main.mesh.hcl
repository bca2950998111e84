resource "memory_object" "web" {
  name  = "web"
  input = [80, 443
}
