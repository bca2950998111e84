variable "region" {
  type    = string
  default = "eu"
}
module "shop" {
  source = "./shop"
  name   = "x"
}
