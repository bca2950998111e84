locals {
  b = "${local.a}-b"
  a = "a"
}
locals {
  all = [local.a, local.b, local.nested.deep[1]]
  nested = {
    deep = ["x", local.a]
  }
}
output "all" {
  value = local.all
}
