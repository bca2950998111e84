resource "memory_object" "a" {
  name  = "a"
}

output "name" {
  description = "The name."
  value       = memory_object.a.name
  precondition {
    condition     = memory_object.a.name == "a"
    error_message = "Another name."
  }
}
output "later" {
  value      = "x"
  depends_on = [memory_object.a]
}
output "whole" {
  value = { for k, v in memory_object.a : k => v if k != "id" && k != "secret" }
}
