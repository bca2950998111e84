resource "memory_object" "shop" {
  name = "shop"
}
resource "memory_object" "cart" {
  name = "cart"
}
moved {
  from = memory_object.web
  to   = memory_object.shop
}
moved {
  from = memory_object.web
  to   = memory_object.cart
}
