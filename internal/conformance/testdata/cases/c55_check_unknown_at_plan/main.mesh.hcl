resource "memory_object" "a" {
  name  = "a"
}

check "identity" {
  assert {
    condition     = length(memory_object.a.id) > 100
    error_message = "The identity is too short."
  }
}
check "fails" {
  assert {
    condition     = 1 > 2
    error_message = "One is not more than two."
  }
}
