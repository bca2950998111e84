variable "secret" {
  type      = string
  default   = "hunter2"
  sensitive = true
}
resource "memory_object" "b" {
  for_each = { a = var.secret, b = "plain" }
  name     = each.key
  secret   = each.value
}
