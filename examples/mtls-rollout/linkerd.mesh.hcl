resource "linkerd_crds" "linkerd" {
  path       = var.repository == null ? "charts/linkerd-crds" : null
  repository = var.repository
  version    = var.chart_version
  namespace  = kubernetes_namespace.linkerd.name
}

resource "linkerd_control_plane" "linkerd" {
  path       = var.repository == null ? "charts/linkerd-control-plane" : null
  repository = var.repository
  version    = var.chart_version
  namespace  = kubernetes_namespace.linkerd.name

  trust_anchors_pem = linkerd_trust_anchor.root.bundle_pem
  issuer            = linkerd_identity_issuer.mesh

  # Everybody may talk to everybody until the policies below say otherwise.
  default_inbound_policy = "all-unauthenticated"

  depends_on = [linkerd_crds.linkerd]
}

# Dashboard, metrics and tap. It comes before the proxies of the services, so that these can be tapped.

resource "kubernetes_namespace" "viz" {
  name = "linkerd-viz"
}

resource "linkerd_extension" "viz" {
  name       = "viz"
  path       = var.repository == null ? "charts/linkerd-viz" : null
  repository = var.repository
  version    = var.chart_version
  namespace  = kubernetes_namespace.viz.name

  # Its proxies are restarted when the anchors change.
  trust_anchors_pem = linkerd_trust_anchor.root.bundle_pem
}
