package metrics

import (
	"github.com/hashicorp/hcl/v2"

	"github.com/meshplan/meshplan/internal/diag"
)

// CodeDenied: a default policy refuses whoever reads the proxies' metrics.
const CodeDenied diag.Code = "linkerd.metrics-denied"

// Denied warns of a default inbound policy that refuses everybody: it covers the proxies' own port as well. Where names what
// has the policy; nil for any other policy.
func Denied(where, defaultPolicy string) *hcl.Diagnostic {
	if defaultPolicy != "deny" {
		return nil
	}
	return diag.Warningf(CodeDenied, "Metrics of proxies will be refused",
		"The default inbound policy deny of %s covers port %d (linkerd-admin) of the proxies as well: Prometheus and Linkerd's dashboard get no metrics from there any more. "+
			"Admit them with a linkerd_server for the port \"linkerd-admin\" and a linkerd_authorization_policy. The proxies' probes, and meshplan's own readings, go on.", where, DefaultAdminPort)
}
