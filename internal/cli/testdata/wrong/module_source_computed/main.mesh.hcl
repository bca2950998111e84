module "shop" {
  source = "./${var.which}"
}
variable "which" {
  type = string
}
