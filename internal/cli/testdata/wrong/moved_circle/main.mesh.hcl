moved {
  from = memory_object.web
  to   = memory_object.shop
}
moved {
  from = memory_object.shop
  to   = memory_object.web
}
