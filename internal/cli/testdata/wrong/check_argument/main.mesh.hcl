check "healthy" {
  data "memory_object" "web" {
    name  = "web"
    count = 2
  }
  assert {
    condition     = data.memory_object.web.id != ""
    error_mesage = "The shop is gone."
  }
}
