resource "memory_object" "a" {
  name  = "a"
}

import {
  to = memory_object.a
  id = "nobody"
}
