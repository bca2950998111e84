module "shop" {
  source = "./shop"
  name   = "x"
}
