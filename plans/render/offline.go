package render

import "github.com/meshplan/meshplan/plans"

// OfflineNote says what a plan that was made offline does not know; "" for other plans.
func OfflineNote(p *plans.Plan) string {
	if !p.Offline {
		return ""
	}
	note := "Offline: made from the state alone. Not looked at: live objects and drift, objects that exist already, data sources, imports, versions and schemas of the cluster, and what its admission would refuse. Such a plan cannot be applied."
	if p.Base.Serial == 0 {
		note += " There was no state either: everything counts as new."
	}
	return note
}
