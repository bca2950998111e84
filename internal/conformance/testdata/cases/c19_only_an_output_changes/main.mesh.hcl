resource "memory_object" "a" {
  name  = "a"
}
output "x" {
  value = 2
}
