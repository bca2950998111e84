variable "context" {
  type        = string
  nullable    = true
  default     = null
  description = "Context of the kubeconfig; null takes the current one."
}

variable "repository" {
  type        = string
  nullable    = true
  default     = null
  description = "Repository of Linkerd's charts, for instance https://helm.linkerd.io/edge. Null takes the small stand-in charts of this directory, which have the names and values of the real ones."
}

variable "chart_version" {
  type        = string
  nullable    = true
  default     = null
  description = "Version of Linkerd's charts, for instance 2026.8.3; required with a repository."
}

variable "enforcement" {
  type        = string
  default     = "deny"
  description = "How far to go: audit only counts what would be refused, deny refuses it."

  validation {
    condition     = contains(["audit", "deny"], var.enforcement)
    error_message = "Use audit or deny."
  }
}

variable "simulate_traffic" {
  type        = bool
  default     = false
  description = "Describe the calls between the services to the sandbox, whose pods do not run. Leave it off on a real cluster."
}

variable "min_requests" {
  type        = number
  default     = 20
  description = "How many requests a proof about traffic must have seen. Use 0 only where nobody calls the services yet: nothing is proved then."
}
