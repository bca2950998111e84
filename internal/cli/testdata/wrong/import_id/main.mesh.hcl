resource "memory_object" "web" {
  name = "web"
}
import {
  to = memory_object.web
}
