variable "region" {
}
