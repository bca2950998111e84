# One rollout over two clusters: the same module for each, with the provider configuration that belongs to it.

meshplan {
  required_version = ">= 0.1.0"
}

provider "kubernetes" {
  alias   = "west"
  context = var.west
}

provider "kubernetes" {
  alias   = "east"
  context = var.east
}

module "west" {
  source    = "./team"
  providers = { kubernetes = kubernetes.west }
  name      = "trips"
  services  = var.services
}

# The east learns the identity of the west's namespace: nothing is made there before the west has it.
module "east" {
  source    = "./team"
  providers = { kubernetes = kubernetes.east }
  name      = "trips"
  services  = { for name, s in var.services : name => s if s.everywhere }
  twin      = module.west.uid
}

output "services" {
  value = { west = module.west.services, east = module.east.services }
}

check "east_is_smaller" {
  assert {
    condition     = length(module.east.services) <= length(module.west.services)
    error_message = "The east has services that the west lacks."
  }
}
