resource "memory_object" "b" {
  name  = "b"
  input = memory_object.a.id
}

removed {
  from = memory_object.a
  lifecycle {
    destroy = false
  }
}
