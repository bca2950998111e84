variable "names" {
  type      = set(string)
  default   = ["a"]
  sensitive = true
}
resource "memory_object" "b" {
  for_each = var.names
  name     = each.key
}
