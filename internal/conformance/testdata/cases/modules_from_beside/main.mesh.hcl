module "shared" {
  source = "../modules_provider_less/greeter"
  name   = "beside"
}
output "greeting" {
  value = module.shared.greeting
}
output "paths" {
  value = module.shared.paths
}
output "file" {
  value = module.shared.file
}
