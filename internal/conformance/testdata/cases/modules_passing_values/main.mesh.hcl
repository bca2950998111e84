locals {
  services = { web = { port = 80 }, api = { port = 8080, tags = ["x"] } }
}
module "service" {
  source   = "./service"
  for_each = local.services
  name     = each.key
  settings = each.value
}
module "chain" {
  source   = "./service"
  name     = join("-", [for k in sort(keys(module.service)) : module.service[k].label])
  settings = { port = sum([for m in module.service : m.port]) }
}
module "none" {
  source   = "./service"
  for_each = {}
  name     = "never"
  settings = { port = 0 }
}
module "counted" {
  source   = "./service"
  count    = 0
  name     = "never"
  settings = { port = 0 }
}
output "labels" {
  value = { for k, m in module.service : k => m.label }
}
output "chain" {
  value = module.chain.label
}
output "whole" {
  value = module.service["web"]
}
output "all" {
  value = module.service
}
output "none" {
  value = [module.none, module.counted]
}
output "null" {
  value = module.chain.nothing == null
}
