module "cart" {
  source = "../cart"
}
