provider "kubernetes" {
  context = "a"
}
provider "kubernetes" {
  context = "b"
}
