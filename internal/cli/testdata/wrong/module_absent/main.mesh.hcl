output "id" {
  value = module.shpo.id
}
module "shop" {
  source = "./shop"
  name   = "x"
}
