variable "name" {
  type = string
}
variable "suffix" {
  type    = string
  default = "!"
}
module "inner" {
  source = "./inner"
  text   = "Hello ${var.name}${var.suffix}"
}
output "greeting" {
  value = module.inner.shout
}
output "deep" {
  value = module.inner.all
}
output "paths" {
  value = [path.module, path.root, module.inner.path]
}
output "file" {
  value = trimspace(file("${path.module}/text.txt"))
}
