resource "memory_object" "a" {
  name  = "a"
}

resource "memory_object" "b" {
  name  = "b"
  input = memory_object.a.id == "x" ? 1 : "many"
}
resource "memory_object" "c" {
  name  = "c"
  input = memory_object.a.id == null ? "never" : "always"
}
output "c" {
  value = memory_object.c.input
}
