resource "memory_object" "a" {
  name  = "a"
  input = { x = 1, y = 2 }
  lifecycle {
    ignore_changes = [input["y"]]
  }
}
resource "memory_object" "b" {
  name  = "b"
  input = { x = 3 }
  lifecycle {
    ignore_changes = [input["y"]]
  }
}
resource "memory_object" "c" {
  name  = "c"
  input = 2
  after = ["t"]
  lifecycle {
    ignore_changes = all
  }
}
