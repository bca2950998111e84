variable "on" {
  type    = bool
  default = true
}
output "list" {
  value = var.on ? ["a"] : []
}
output "null_arm" {
  value = var.on ? null : "x"
}
output "numbers_and_strings" {
  value = var.on ? 1 : "one"
}
output "objects" {
  value = var.on ? { a = 1 } : { a = 1, b = 2 }
}
output "nested" {
  value = [for x in [1, 2, 3] : x > 2 ? "big" : x > 1 ? "middle" : "small"]
}
output "coalesced" {
  value = coalesce(var.on ? null : "x", "fallback")
}
output "equal" {
  value = [var.on == true, "true" == var.on, [1] == tolist([1]), { a = 1 } == { a = 1 }]
}
output "types" {
  value = { list = tolist([1, "a"]), set = toset(["b", "a"]), map = tomap({ a = 1 }), tuple = [1, "a"] }
}
