data "memory_object" "a" {
  name = "nobody"
}
