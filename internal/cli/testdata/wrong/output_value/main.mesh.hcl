output "url" {
  description = "Where the shop is."
}
