package mesh

import (
	"fmt"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// settings are the values of the control plane's chart, as its ConfigMap linkerd-config carries them. A key that is
// absent has the chart's default.
type settings struct {
	namespace string // of the control plane
	values    map[string]any
}

// parsedSettings are settings and the text they were read from.
type parsedSettings struct {
	raw string
	settings
}

// settingsOf reads the settings of the control plane in namespace. They are parsed once for each text.
func (w *world) settingsOf(namespace string) (settings, error) {
	raw := w.configMapKey(namespace, configMapConfig, "values")
	if raw == "" {
		return settings{namespace: namespace}, fmt.Errorf("ConfigMap %s/%s has no key values", namespace, configMapConfig)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if p, ok := w.parsed[namespace]; ok && p.raw == raw {
		return p.settings, nil
	}
	s := settings{namespace: namespace}
	if err := yaml.Unmarshal([]byte(raw), &s.values); err != nil {
		return s, fmt.Errorf("ConfigMap %s/%s: %w", namespace, configMapConfig, err)
	}
	w.parsed[namespace] = parsedSettings{raw, s}
	return s, nil
}

// value walks a dotted path and returns nil where it ends early.
func (s settings) value(path string) any {
	var v any = s.values
	for _, key := range strings.Split(path, ".") {
		m, _ := v.(map[string]any)
		v = m[key]
	}
	return v
}

func (s settings) str(path, fallback string) string {
	switch v := s.value(path).(type) {
	case string:
		if v != "" {
			return v
		}
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	return fallback
}

func (s settings) flag(path string, fallback bool) bool {
	if v, ok := s.value(path).(bool); ok {
		return v
	}
	return fallback
}

func (s settings) version() string { return s.str("linkerdVersion", "edge-26.8.3") }
func (s settings) proxyVersion() string {
	return s.str("proxy.image.version", s.version())
}
func (s settings) clusterDomain() string { return s.str("clusterDomain", "cluster.local") }
func (s settings) trustDomain() string   { return s.str("identityTrustDomain", s.clusterDomain()) }
func (s settings) opaquePorts() string {
	return s.str("proxy.opaquePorts", "25,587,3306,4444,5432,6379,9300,11211")
}
func (s settings) defaultPolicy() string {
	return s.str("proxy.defaultInboundPolicy", "all-unauthenticated")
}
func (s settings) clusterNetworks() []string {
	return splitList(s.str("clusterNetworks", "10.0.0.0/8,100.64.0.0/10,172.16.0.0/12,192.168.0.0/16,fd00::/8"))
}

// identity returns the mesh identity of a service account.
func (s settings) identity(account, namespace string) string {
	return fmt.Sprintf("%s.%s.serviceaccount.identity.%s.%s", account, namespace, s.namespace, s.trustDomain())
}

func splitList(s string) []string {
	var out []string
	for _, e := range strings.Split(s, ",") {
		if e = strings.TrimSpace(e); e != "" {
			out = append(out, e)
		}
	}
	return out
}
