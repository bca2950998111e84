resource "memory_object" "a" {
  name  = "a"
}

resource "memory_object" "b" {
  name  = "b"
  after = ["x", memory_object.a.id]
}
output "same" {
  value = contains(memory_object.b.after, memory_object.a.id)
}
