check "healthy" {
  data "memory_object" "web" {
    name = "web"
  }
  assert {
    condition     = data.memory_object.web.id != ""
    error_message = "The shop is gone."
  }
}
output "id" {
  value = data.memory_object.web.id
}
