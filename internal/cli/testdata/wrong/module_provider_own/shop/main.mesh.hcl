provider "memory" {
  identity = "x"
}
