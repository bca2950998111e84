resource "memory_object" "z" {
  name = "z"
}
resource "memory_object" "a" {
  name       = "a"
  depends_on = [memory_object.z]
}
data "memory_object" "z" {
  name       = "z"
  depends_on = [memory_object.a]
}
output "z" {
  value = data.memory_object.z.name
}
