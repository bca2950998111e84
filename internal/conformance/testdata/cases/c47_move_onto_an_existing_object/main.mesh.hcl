resource "memory_object" "b" {
  name  = "b"
}

moved {
  from = memory_object.a
  to   = memory_object.b
}
