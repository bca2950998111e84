module "shop" {
  source   = "./shop"
  name     = "x"
  replicas = 1
}
