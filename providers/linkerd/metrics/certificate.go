package metrics

import (
	"strings"
	"time"
)

// certExpirySuffix ends the name of the gauge in every release; its prefix has changed twice.
const certExpirySuffix = "identity_cert_expiration_timestamp_seconds"

// IssuerTTL is the gauge in which an identity controller says for how many seconds its issuer is still valid.
const IssuerTTL = "issuer_cert_ttl_seconds"

// isGauge tells values that are a state from those that count: names of counters say so, by the convention of the
// format.
func isGauge(name string) bool {
	return !strings.HasSuffix(name, "_total") && !strings.HasSuffix(name, "_bucket") && !strings.HasSuffix(name, "_count")
}

// Certificate is the mesh certificate of one proxy.
type Certificate struct {
	Pod      Pod
	NotAfter time.Time // UTC
}

// Certificates returns when the certificate of each proxy expires, ordered by pod. A proxy that does not say (it has
// none yet) is left out.
func (w Window) Certificates() []Certificate {
	var out []Certificate
	for _, g := range w.Growth {
		for _, s := range g.Samples {
			if strings.HasSuffix(s.Name, certExpirySuffix) && s.Value > 0 {
				out = append(out, Certificate{g.Pod, time.Unix(int64(s.Value), 0).UTC()})
				break
			}
		}
	}
	return out
}
