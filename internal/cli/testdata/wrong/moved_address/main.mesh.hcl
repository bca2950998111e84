moved {
  from = memory_object.web.name
  to   = data.memory_object.web
}
moved {
  from = memory_object.web[var.key]
  to   = memory_object
}
