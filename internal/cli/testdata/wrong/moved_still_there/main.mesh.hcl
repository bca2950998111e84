resource "memory_object" "web" {
  name = "web"
}
resource "memory_object" "shop" {
  name = "shop"
}
moved {
  from = memory_object.web
  to   = memory_object.shop
}
