module "shop" {
  source = "./shpo"
  name   = "x"
}
