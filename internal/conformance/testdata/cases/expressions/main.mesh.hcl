variable "services" {
  type = map(object({ port = number, public = optional(bool, false) }))
  default = {
    web  = { port = 80, public = true }
    api  = { port = 8080 }
    jobs = { port = 9000 }
  }
}
locals {
  ports   = { for name, s in var.services : name => s.port }
  public  = [for name, s in var.services : name if s.public]
  by_flag = { for name, s in var.services : (s.public ? "public" : "private") => name... }
  nested  = flatten([for name, s in var.services : [for i in range(2) : "${name}-${i}"]])
}
output "ports" {
  value = local.ports
}
output "public" {
  value = local.public
}
output "by_flag" {
  value = local.by_flag
}
output "nested" {
  value = local.nested
}
output "splat" {
  value = values(var.services)[*].port
}
output "conditional" {
  value = length(local.public) > 1 ? "many" : "few"
}
output "try" {
  value = try(var.services["none"].port, "none")
}
output "index" {
  value = [var.services.web.port, var.services["web"]["port"], keys(var.services)[0]]
}
output "arithmetic" {
  value = [7 % 3, -7 / 2, 2 * (3 + 4), !true || 1 <= 2 && "a" != "b"]
}
output "precedence" {
  value = 1 + 2 * 3 == 7 ? "yes" : "no"
}
