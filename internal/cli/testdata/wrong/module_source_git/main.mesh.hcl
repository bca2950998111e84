module "shop" {
  source = "git::https://github.com/example/shop.git"
}
