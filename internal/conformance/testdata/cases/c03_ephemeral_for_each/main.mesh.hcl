variable "names" {
  type      = set(string)
  default   = ["a"]
  ephemeral = true
}
resource "memory_object" "b" {
  for_each = var.names
  name     = each.key
}
