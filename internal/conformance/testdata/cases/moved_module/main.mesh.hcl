module "b" {
  source   = "./cell"
  for_each = toset(["x"])
}
moved {
  from = module.a
  to   = module.b["x"]
}
