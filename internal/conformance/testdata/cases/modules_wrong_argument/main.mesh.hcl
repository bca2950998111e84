module "a" {
  source = "./cell"
  nmae   = "x"
}
