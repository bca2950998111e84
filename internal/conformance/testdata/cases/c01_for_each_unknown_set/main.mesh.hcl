resource "memory_object" "a" {
  name  = "a"
}

resource "memory_object" "b" {
  for_each = toset([memory_object.a.id])
  name     = each.key
}
