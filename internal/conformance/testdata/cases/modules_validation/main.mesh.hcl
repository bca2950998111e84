module "a" {
  source   = "./cell"
  for_each = toset(["ok", "bad one"])
  name     = each.key
}
