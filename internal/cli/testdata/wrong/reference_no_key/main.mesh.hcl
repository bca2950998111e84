resource "memory_object" "web" {
  for_each = toset(["a", "b"])
  name     = each.key
}
resource "memory_object" "api" {
  name = memory_object.web.name
}
