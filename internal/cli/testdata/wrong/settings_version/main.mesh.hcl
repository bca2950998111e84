meshplan {
  required_version = "latest"
}
