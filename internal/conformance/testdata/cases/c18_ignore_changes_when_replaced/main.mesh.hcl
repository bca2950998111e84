resource "memory_object" "a" {
  name  = "a2"
  input = 2
  lifecycle {
    ignore_changes = [input]
  }
}
output "input" {
  value = memory_object.a.input
}
