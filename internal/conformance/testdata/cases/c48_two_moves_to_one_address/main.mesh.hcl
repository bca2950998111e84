resource "memory_object" "c" {
  name  = "c"
}

moved {
  from = memory_object.a
  to   = memory_object.c
}
moved {
  from = memory_object.b
  to   = memory_object.c
}
