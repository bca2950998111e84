resource "memory_object" "web" {
  name    = ["web"]
  one_way = "maybe"
}
