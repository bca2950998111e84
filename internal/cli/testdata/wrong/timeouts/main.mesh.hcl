resource "memory_object" "web" {
  name = "web"
  timeouts {
    create = "5 minutes"
    apply  = "5m"
  }
}
