variable "service" {
  type = object({
    name  = string
    ports = optional(list(object({ port = number, tls = optional(bool, true) })), [])
  })
}
