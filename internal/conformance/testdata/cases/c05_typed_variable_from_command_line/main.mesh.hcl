variable "l" {
  type    = list(string)
  default = ["a", "b", "c"]
}
output "length" {
  value = length(var.l)
}
