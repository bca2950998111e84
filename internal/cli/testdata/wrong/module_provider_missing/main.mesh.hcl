module "shop" {
  source = "./shop"
}
provider "memory" {
  alias = "east"
}
