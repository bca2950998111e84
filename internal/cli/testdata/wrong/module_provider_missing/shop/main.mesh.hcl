meshplan {
  required_providers {
    memory = { configuration_aliases = [memory.primary] }
  }
}
resource "memory_object" "this" {
  provider = memory.primary
  name     = "x"
}
