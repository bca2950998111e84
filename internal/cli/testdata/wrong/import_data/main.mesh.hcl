data "memory_object" "web" {
  name = "web"
}
import {
  to = data.memory_object.web
  id = "web"
}
