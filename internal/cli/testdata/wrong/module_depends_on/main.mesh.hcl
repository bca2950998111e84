module "shop" {
  source     = "./shop"
  name       = "x"
  depends_on = [module.shpo, memory_object.absent]
}
