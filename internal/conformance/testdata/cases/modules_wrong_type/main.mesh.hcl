module "a" {
  source = "./cell"
  ports  = "x"
}
