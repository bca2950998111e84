variable "region" "eu" {
  type = string
}
