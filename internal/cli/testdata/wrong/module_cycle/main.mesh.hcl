module "a" {
  source = "./shop"
  name   = module.b.id
}
module "b" {
  source = "./shop"
  name   = module.a.id
}
