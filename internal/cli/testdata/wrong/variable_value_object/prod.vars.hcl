service = {
  name  = "web"
  ports = [{ port = "http" }]
}
