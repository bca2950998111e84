resource "memory_object" "a" {
  name  = "a"
  input = plantimestamp()
}
output "at" {
  value = memory_object.a.input
}
