module "shop" {
  source = "./shop"
  name   = "x"
}
output "id" {
  value = module.shop.ip
}
