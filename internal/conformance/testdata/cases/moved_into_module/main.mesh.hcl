module "b" {
  source = "./cell"
}
moved {
  from = memory_object.cell
  to   = module.b.memory_object.cell
}
