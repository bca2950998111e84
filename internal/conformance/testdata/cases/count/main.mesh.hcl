resource "memory_object" "a" {
  count = 2
  name  = "a${count.index}"
}
output "names" {
  value = memory_object.a[*].name
}
output "last" {
  value = memory_object.a[length(memory_object.a) - 1].name
}
