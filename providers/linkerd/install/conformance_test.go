package install_test

import (
	"testing"

	"github.com/meshplan/meshplan/providers/providertest"
)

func TestDefinitionsKeepTheContract(t *testing.T) {
	r := newRollout(t)
	providertest.Run(t, providertest.Case{Type: r.crds.Type, Owner: r.crds.Owner, Create: r.crds.Decode(t, crdsConfig)})
}

func TestControlPlaneKeepsTheContract(t *testing.T) {
	r := newRollout(t)
	defer r.remove()
	r.install(controlConfig)
	create, update := r.control.Decode(t, controlConfig), r.control.Decode(t, controlConfig+`default_inbound_policy = "all-authenticated"`)
	r.control.Delete(t)
	providertest.Run(t, providertest.Case{Type: r.control.Type, Owner: r.control.Owner, Create: create, Update: update})
}
