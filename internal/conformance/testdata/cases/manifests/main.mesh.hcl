locals {
  objects = manifests("objects.yaml")
}
resource "memory_object" "a" {
  for_each = local.objects
  name     = each.key
  input    = each.value.kind
}
output "keys" {
  value = keys(local.objects)
}
