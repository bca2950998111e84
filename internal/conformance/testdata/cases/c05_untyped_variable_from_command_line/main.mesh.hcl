variable "l" {
  default = ["a", "b", "c"]
}
output "length" {
  value = length(var.l)
}
output "first" {
  value = var.l[0]
}
