resource "memory_object" "a" {
  name  = "a"
}

resource "memory_object" "b" {
  count = length(memory_object.a.id)
  name  = "b${count.index}"
}
