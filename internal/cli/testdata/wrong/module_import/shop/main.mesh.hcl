resource "memory_object" "this" {
  name = "x"
}
import {
  to = memory_object.this
  id = "x"
}
