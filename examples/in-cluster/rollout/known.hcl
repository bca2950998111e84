# What is known and may stay until a date. "meshplan drift --acknowledge-template FILE" writes entries like this one:
#
# acknowledge {
#   address = kubernetes_manifest.web
#   path    = "manifest.spec.replicas"
#   reason  = "Scaled up by hand for the sale"
#   owner   = "team shop"
#   expires = "2026-12-31"
# }
