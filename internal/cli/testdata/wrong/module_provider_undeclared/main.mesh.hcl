module "shop" {
  source    = "./shop"
  providers = { memory.primary = memory }
}
