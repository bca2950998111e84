resource "memory_object" "web" {
  name       = "web"
  depends_on = [memory_object.db.id, "x y", var.region, memory_object.cache]
}
resource "memory_object" "db" {
  name = "db"
}
