variable "region" {
  type    = string
  default = local.region
}
locals {
  region = "eu"
}
