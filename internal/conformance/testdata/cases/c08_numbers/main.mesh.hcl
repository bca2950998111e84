resource "memory_object" "a" {
  name  = "a"
  input = [12345678901234567890123 + 0, 1 / 3, 0.1]
}
output "big" {
  value = memory_object.a.input[0]
}
output "third" {
  value = memory_object.a.input[1]
}
output "exact" {
  value = 0.1 + 0.2 == 0.3
}
output "product" {
  value = 12345678901234567890123 * 10
}
