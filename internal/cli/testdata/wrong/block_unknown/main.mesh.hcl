resourse "memory_object" "web" {
  name = "web"
}
