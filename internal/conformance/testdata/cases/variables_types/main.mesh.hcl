variable "server" {
  type = object({
    name  = string
    port  = optional(number, 8080)
    tags  = optional(map(string), {})
    probe = optional(object({ path = optional(string, "/live"), every = optional(number) }), {})
  })
}
variable "list" {
  type = list(string)
}
variable "set" {
  type    = set(number)
  default = [2, 1, 2]
}
variable "any" {
  type    = any
  default = { a = [1, "x"] }
}
variable "tuple" {
  type    = tuple([string, number])
  default = [1, "2"]
}
variable "flag" {
  type = bool
}
output "server" {
  value = var.server
}
output "list" {
  value = var.list
}
output "set" {
  value = var.set
}
output "any" {
  value = var.any
}
output "tuple" {
  value = var.tuple
}
output "flag" {
  value = var.flag
}
