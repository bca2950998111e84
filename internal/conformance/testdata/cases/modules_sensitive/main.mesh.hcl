module "a" {
  source = "./cell"
  secret = "hunter2"
}
output "length" {
  value = nonsensitive(length(module.a.secret))
}
output "secret" {
  value     = module.a.secret
  sensitive = true
}
