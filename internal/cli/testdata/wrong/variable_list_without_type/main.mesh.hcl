variable "zones" {
  default = ["a", "b"]
}
