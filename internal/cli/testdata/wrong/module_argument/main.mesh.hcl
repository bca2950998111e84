module "shop" {
  source = "./shop"
  nmae   = "x"
}
