module "a" {
  source = "./cell"
}
