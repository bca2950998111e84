variable "size" {
  type       = number
  default    = 1
  deprecated = "Use replicas."
}
variable "replicas" {
  type    = number
}
