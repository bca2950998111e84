meshplan {
  backend "local" {}
}
