variable "region" {
  type     = string
  sensitiv = true
}
