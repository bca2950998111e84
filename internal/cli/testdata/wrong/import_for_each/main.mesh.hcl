resource "memory_object" "web" {
  for_each = toset(["a", "b"])
  name     = each.key
}
import {
  for_each = toset(["a", "b"])
  to       = memory_object.web["a"]
  id       = each.key
}
