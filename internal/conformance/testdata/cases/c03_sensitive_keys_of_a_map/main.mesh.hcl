variable "secret" {
  type      = string
  default   = "hunter2"
  sensitive = true
}
resource "memory_object" "b" {
  for_each = { (var.secret) = 1 }
  name     = each.key
}
