resource "memory_object" "web" {
  name  = "web"
  input = <<-EOT
    listen 80
}
