module "a" {
  source   = "./m"
  nullable = null
  strict   = null
}
module "b" {
  source = "./m"
}
output "a" {
  value = module.a.values
}
output "b" {
  value = module.b.values
}
