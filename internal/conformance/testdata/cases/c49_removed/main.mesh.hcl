removed {
  from = memory_object.a
  lifecycle {
    destroy = false
  }
}
removed {
  from = memory_object.b
}
