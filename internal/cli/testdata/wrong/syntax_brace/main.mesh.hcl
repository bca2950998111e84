resource "memory_object" "web" {
  name  = "web"
  input = {
    port = 80
}

resource "memory_object" "api" {
  name = "api"
}
