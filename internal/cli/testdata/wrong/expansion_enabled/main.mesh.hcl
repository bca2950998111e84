resource "memory_object" "web" {
  enabled = "sometimes"
  name    = "web"
}
