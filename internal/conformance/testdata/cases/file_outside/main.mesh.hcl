output "file" {
  value = file("../../../doc.go")
}
