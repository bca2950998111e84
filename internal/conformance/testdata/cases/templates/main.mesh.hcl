locals {
  names = ["a", "b"]
}
output "file" {
  value = file("text.txt")
}
output "rendered" {
  value = templatefile("list.tmpl", { names = local.names, title = "Names" })
}
output "heredoc" {
  value = <<-EOT
    %{~ for n in local.names }
    - ${n}
    %{~ endfor }
  EOT
}
output "set" {
  value = fileset(".", "*.tmpl")
}
output "strings" {
  value = templatefile("call.tmpl", { x = [1, 2] })
}
