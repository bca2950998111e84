module "shop" {
  source   = "./shop"
  for_each = toset(["a"])
  name     = each.key
}
output "id" {
  value = module.shop.id
}
