locals {
  name = "x"
  map  = { a = 1, b = 2 }
}
output "plain" {
  value = <<EOT
  two spaces
${local.name} and $${name} and %%{ if }
EOT
}
output "indented" {
  value = <<-EOT
    a
      b
    ${local.name}
  EOT
}
output "directives" {
  value = <<-EOT
    %{ for k, v in local.map ~}
    ${k} = ${v}
    %{ endfor ~}
    %{ if local.name == "x" ~}
    yes
    %{ else ~}
    no
    %{ endif ~}
  EOT
}
output "nested" {
  value = "a${"b${"c"}"}d"
}
output "quotes" {
  value = "tab\there \"quoted\" back\\slash \u00e9"
}
output "only" {
  value = "${local.map}"
}
output "function_in_template" {
  value = "%{ for i, x in sort(keys(local.map)) }${i > 0 ? "," : ""}${upper(x)}%{ endfor }"
}
