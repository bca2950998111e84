locals {
  none = null
}
output "number_and_string" {
  value = "1" == 1
}
output "null_and_null" {
  value = local.none == null
}
output "null_attribute" {
  value = { a = null } == {}
}
output "list_and_tuple" {
  value = tolist(["a"]) == ["a"]
}
output "sets" {
  value = toset(["a", "b"]) == toset(["b", "a"])
}
