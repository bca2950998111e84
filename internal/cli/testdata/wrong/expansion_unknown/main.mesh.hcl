resource "memory_object" "db" {
  name = "db"
}
resource "memory_object" "web" {
  for_each = toset([memory_object.db.id])
  name     = each.key
}
