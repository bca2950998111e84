resource "memory_object" "a" {
  name  = "a"
  input = 1
}

check "value" {
  data "memory_object" "a" {
    name = "a"
  }
  assert {
    condition     = data.memory_object.a.input == 2
    error_message = "It is ${data.memory_object.a.input}."
  }
}
check "missing" {
  data "memory_object" "b" {
    name = "nobody"
  }
  assert {
    condition     = data.memory_object.b.input == 2
    error_message = "It is another."
  }
}
