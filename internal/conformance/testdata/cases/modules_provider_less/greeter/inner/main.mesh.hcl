variable "text" {
  type = string
}
output "shout" {
  value = upper(var.text)
}
output "all" {
  value = { text = var.text, length = length(var.text) }
}
output "path" {
  value = path.module
}
