removed {
  from = memory_object.web["a"]
}
