package certs

import (
	"time"

	"github.com/meshplan/meshplan/providers"
	"github.com/meshplan/meshplan/providers/linkerd/env"
)

// Types returns the resource types of this package by name. Now is the clock that judges expiry.
func Types(e env.Env, now func() time.Time) map[string]providers.ResourceType {
	return map[string]providers.ResourceType{
		"linkerd_trust_anchor":    &anchorResource{env: e, now: now, schema: anchorSchema()},
		"linkerd_identity_issuer": &issuerResource{env: e, now: now, schema: issuerSchema()},
	}
}

// DataSources returns the data sources of this package by name.
func DataSources(e env.Env, now func() time.Time) map[string]providers.DataSource {
	return map[string]providers.DataSource{
		"linkerd_certificates": &certificatesSource{env: e, now: now, schema: certificatesSchema()},
	}
}
