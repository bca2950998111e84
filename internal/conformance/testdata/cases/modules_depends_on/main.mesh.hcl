resource "memory_object" "first" {
  name  = "first"
}

module "later" {
  source     = "./cell"
  depends_on = [memory_object.first]
}
resource "memory_object" "last" {
  name       = "last"
  depends_on = [module.later]
}
