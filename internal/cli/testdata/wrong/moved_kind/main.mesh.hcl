moved {
  from = memory_object.web
  to   = module.shop
}
