variable "zones" {
  type = "list of strings"
}
