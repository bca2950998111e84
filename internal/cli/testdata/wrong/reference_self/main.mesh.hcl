resource "memory_object" "web" {
  name = self.id
}
