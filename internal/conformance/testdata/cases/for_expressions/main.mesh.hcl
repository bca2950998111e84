locals {
  users = [
    { name = "ann", roles = ["admin", "dev"] },
    { name = "bob", roles = ["dev"] },
    { name = "cyd", roles = [] },
  ]
}
output "by_role" {
  value = { for p in flatten([for u in local.users : [for r in u.roles : { role = r, user = u.name }]]) : p.role => p.user... }
}
output "indexed" {
  value = { for i, u in local.users : u.name => i }
}
output "filtered" {
  value = [for u in local.users : u.name if length(u.roles) > 0]
}
output "splat" {
  value = local.users[*].roles[*]
}
output "first_roles" {
  value = [for u in local.users : try(u.roles[0], null)]
}
output "set" {
  value = toset([for u in local.users : length(u.roles)])
}
output "shadow" {
  value = [for local in ["a"] : local]
}
output "map_of_map" {
  value = { for u in local.users : u.name => { for r in u.roles : r => true } }
}
output "merged" {
  value = merge([for u in local.users : { (u.name) = length(u.roles) }]...)
}
output "sorted" {
  value = keys({ for u in local.users : upper(u.name) => u })
}
