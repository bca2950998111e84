module "shop" {
  source   = "./shop"
  for_each = toset(["a", "b"])
}
