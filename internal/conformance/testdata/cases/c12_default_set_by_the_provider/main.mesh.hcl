resource "memory_object" "a" {
  name  = "a"
  one_way = false
}
