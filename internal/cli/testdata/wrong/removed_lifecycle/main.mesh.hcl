removed {
  from = memory_object.web
  lifecycle {
    prevent_destroy = true
  }
}
