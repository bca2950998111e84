variable "tokens" {
  type      = set(string)
  sensitive = true
  default   = ["hunter2"]
}
resource "memory_object" "web" {
  for_each = var.tokens
  name     = each.key
}
