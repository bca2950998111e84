# Where the rollout happens. Both providers share one connection.

meshplan {
  required_version = ">= 0.1.0"
}

provider "kubernetes" {
  context = var.context
}

provider "linkerd" {
  context = var.context
}
