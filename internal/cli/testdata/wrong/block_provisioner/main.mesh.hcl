resource "memory_object" "web" {
  name = "web"
  provisioner "local-exec" {
    command = "echo hello"
  }
}
