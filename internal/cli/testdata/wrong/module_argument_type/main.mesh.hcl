module "shop" {
  source   = "./shop"
  name     = "x"
  replicas = "many"
}
