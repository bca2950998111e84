resource "local" "web" {
  name = "web"
}
