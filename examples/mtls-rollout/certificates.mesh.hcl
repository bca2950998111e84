# The root of trust. Both private keys are made during apply and never leave the cluster.

resource "kubernetes_namespace" "linkerd" {
  name = "linkerd"

  labels = {
    "linkerd.io/is-control-plane"          = "true"
    "config.linkerd.io/admission-webhooks" = "disabled"
    "linkerd.io/control-plane-ns"          = "linkerd"
  }
  annotations = {
    "linkerd.io/inject" = "disabled"
  }
}

resource "linkerd_trust_anchor" "root" {
  namespace    = kubernetes_namespace.linkerd.name
  validity     = "3650d"
  renew_before = "180d"
}

resource "linkerd_identity_issuer" "mesh" {
  namespace    = kubernetes_namespace.linkerd.name
  trust_anchor = linkerd_trust_anchor.root
  validity     = "365d"
  renew_before = "60d"
}
