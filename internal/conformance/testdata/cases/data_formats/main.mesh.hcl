locals {
  yaml = yamldecode(file("data.yaml"))
  json = jsondecode(file("data.json"))
  csv  = csvdecode(file("data.csv"))
}
output "yaml" {
  value = local.yaml
}
output "json" {
  value = local.json
}
output "csv" {
  value = { for r in local.csv : r.name => r.port }
}
output "same" {
  value = jsonencode(local.yaml.service) == jsonencode(local.json.service)
}
output "hash" {
  value = filesha256("data.json")
}
output "as_yaml" {
  value = yamlencode(local.json)
}
output "exists" {
  value = [fileexists("data.csv"), fileexists("${path.module}/nothing.csv")]
}
