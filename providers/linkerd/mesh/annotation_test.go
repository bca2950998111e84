package mesh

import (
	"strings"
	"testing"
)

func TestCheckSetting(t *testing.T) {
	for _, tc := range []struct {
		key, value  string
		onNamespace bool
		problem     string // "" means valid
	}{
		{"proxy-cpu-request", "100m", true, ""},
		{"config.linkerd.io/proxy-cpu-request", "100m", true, ""},
		{"config.linkerd.io/proxy-cpu-requst", "100m", true, `Did you mean "proxy-cpu-request"?`},
		{"proxy-native-sidecar", "true", true, "would ignore it"},
		{"linkerd.io/inject", "enabled", true, "does not know"},
		{"proxy-cpu-request", "lots", true, "not a quantity"},
		{"proxy-cpu-ratio-limit", "0.5", false, ""},
		{"proxy-cpu-ratio-limit", "0.5", true, "no effect on a namespace"},
		{"proxy-cpu-ratio-limit", "1.5", false, "between 0 and 1"},
		{"default-inbound-policy", "authenticated", true, "is not one of"},
		{"default-inbound-policy", "all-authenticatd", true, `Did you mean "all-authenticated"?`},
		{"skip-inbound-ports", "4567,4568,8000-8100", true, ""},
		{"skip-inbound-ports", "8100-8000", true, "backwards"},
		{"skip-inbound-ports", "http", true, "neither a port"},
		{"opaque-ports", "mysql,3306", true, ""},
		{"opaque-ports", "0", true, "neither a port"},
		{"skip-subnets", "10.0.0.0/8", true, ""},
		{"skip-subnets", "10.0.0.0", true, "CIDR"},
		{"proxy-await", "true", true, "is not one of"},
		{"proxy-enable-native-sidecar", "yes", true, "neither true nor false"},
		{"proxy-inbound-connect-timeout", "100ms", true, ""},
		{"proxy-inbound-connect-timeout", "100", true, "not a duration"},
		{"proxy-additional-env", `[{"name":"A","value":"1"}]`, true, ""},
		{"proxy-additional-env", `{"A":"1"}`, true, "JSON list"},
		{"admin-port", "70000", true, "not a port"},
	} {
		err := CheckSetting(tc.key, tc.value, tc.onNamespace)
		switch {
		case tc.problem == "" && err != nil:
			t.Errorf("CheckSetting(%q, %q) = %v, want nil", tc.key, tc.value, err)
		case tc.problem != "" && (err == nil || !strings.Contains(err.Error(), tc.problem)):
			t.Errorf("CheckSetting(%q, %q) = %v, want %q", tc.key, tc.value, err, tc.problem)
		}
	}
}
