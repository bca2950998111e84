resource "memory_object" "a" {
  name  = "foreign"
  input = "changed"
}
import {
  to = memory_object.a
  id = "foreign"
}
