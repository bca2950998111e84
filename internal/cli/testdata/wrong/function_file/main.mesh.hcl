resource "memory_object" "web" {
  name  = "web"
  input = file("../../etc/passwd")
}
