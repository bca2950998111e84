module "east" {
  source = "./cell"
  name   = "east"
}
module "more" {
  source   = "./cell"
  for_each = toset(["north", "south"])
  name     = each.key
  after    = module.east.id
}
output "names" {
  value = [for m in module.more : m.name]
}
