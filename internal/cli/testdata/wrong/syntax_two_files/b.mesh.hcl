resource "memory_object" "api" {
  name = 
}
