module "shop" {
  source = "./docs"
}
