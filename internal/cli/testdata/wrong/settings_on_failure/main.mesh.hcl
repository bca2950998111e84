meshplan {
  on_failure = "rolback"
}
