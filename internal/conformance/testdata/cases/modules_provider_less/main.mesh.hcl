module "one" {
  source = "./greeter"
  name   = "one"
}
module "many" {
  source   = "./greeter"
  for_each = { a = "x", b = "y" }
  name     = "${each.key}${each.value}"
  suffix   = "?"
}
module "counted" {
  source = "./greeter"
  count  = 2
  name   = "n${count.index}"
}
output "one" {
  value = module.one.greeting
}
output "many" {
  value = { for k, m in module.many : k => m.greeting }
}
output "counted" {
  value = module.counted[*].greeting
}
output "deep" {
  value = module.one.deep
}
output "paths" {
  value = module.one.paths
}
output "file" {
  value = module.one.file
}
