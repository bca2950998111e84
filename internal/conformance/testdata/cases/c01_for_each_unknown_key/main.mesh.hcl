resource "memory_object" "a" {
  name  = "a"
}

resource "memory_object" "b" {
  for_each = { (memory_object.a.id) = 1 }
  name     = each.key
}
