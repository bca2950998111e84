module "east" {
  source = "./cell"
  name   = "east"
}
