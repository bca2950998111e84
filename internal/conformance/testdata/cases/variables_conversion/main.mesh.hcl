variable "strings" {
  type    = list(string)
  default = [1, true, "x", 1.50]
}
variable "numbers" {
  type    = set(number)
  default = ["1", "1.0", 2]
}
variable "bools" {
  type    = map(bool)
  default = { a = "true", b = false }
}
variable "objects" {
  type = list(object({
    name  = string
    size  = optional(number)
    extra = optional(object({ a = optional(string, "x"), b = optional(list(string), ["y"]) }))
  }))
  default = [{ name = "a" }, { name = "b", size = "2", ignored = true }, { name = "c", extra = {} }]
}
variable "map_of_any" {
  type    = map(any)
  default = { a = 1, b = "x" }
}
variable "list_of_any" {
  type    = list(any)
  default = [{ a = 1 }, { a = "x" }]
}
variable "nested" {
  type    = map(map(list(number)))
  default = { a = { b = ["1", 2] } }
}
variable "defaults_in_a_map" {
  type    = map(object({ port = optional(number, 80), host = string }))
  default = { a = { host = "h" }, b = { host = "i", port = null } }
}
variable "null_object" {
  type    = object({ a = string })
  default = null
}
output "strings" {
  value = var.strings
}
output "numbers" {
  value = var.numbers
}
output "bools" {
  value = var.bools
}
output "objects" {
  value = var.objects
}
output "map_of_any" {
  value = var.map_of_any
}
output "list_of_any" {
  value = var.list_of_any
}
output "nested" {
  value = var.nested
}
output "defaults_in_a_map" {
  value = var.defaults_in_a_map
}
output "null_object" {
  value = try(var.null_object.a, "none")
}
