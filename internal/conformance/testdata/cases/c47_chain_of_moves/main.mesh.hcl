resource "memory_object" "c" {
  name  = "a"
  input = "changed"
}
moved {
  from = memory_object.a
  to   = memory_object.b
}
moved {
  from = memory_object.b
  to   = memory_object.c
}
