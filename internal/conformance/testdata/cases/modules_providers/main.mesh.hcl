provider "memory" {
  alias    = "west"
  identity = "w"
}
provider "memory" {
  identity = "w"
}
module "west" {
  source = "./cell"
  providers = {
    memory = memory.west
  }
}
module "own" {
  source = "./cell"
  prefix = "own"
}
