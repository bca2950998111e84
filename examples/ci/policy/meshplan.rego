# Rules for conftest about `meshplan show --json`: conftest test --policy policy plan.json
package main

import rego.v1

# A plan for a production cluster deletes no control plane and no trust anchor.
deny contains msg if {
	some change in input.resource_changes
	change.type in {"linkerd_control_plane", "linkerd_trust_anchor", "linkerd_crds"}
	"delete" in change.change.actions
	msg := sprintf("%s would be deleted or replaced", [change.address])
}

# Nobody outside of the mesh is let in.
deny contains msg if {
	some change in input.resource_changes
	change.type == "linkerd_server"
	change.change.after.access_policy == "all-unauthenticated"
	msg := sprintf("%s would admit clients without identity", [change.address])
}

# More than twenty pods at once is a matter for two people.
warn contains msg if {
	restarts := sum([change.meshplan.restarts | some change in input.resource_changes; change.meshplan.restarts])
	restarts > 20
	msg := sprintf("%d pods would be restarted", [restarts])
}

# What cannot be undone is said before it is done.
warn contains msg if {
	some change in input.resource_changes
	reason := change.meshplan.irreversible
	msg := sprintf("%s cannot be undone: %s", [change.address, reason])
}

# A plan without the cluster proves nothing.
deny contains "the plan was made offline" if input.meshplan.offline
