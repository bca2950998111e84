module "shop" {
  source   = "./shop"
  for_each = ["a", "b"]
  name     = each.key
}
