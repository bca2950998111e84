package mesh

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/meshplan/meshplan/internal/diag"
)

// Annotations and labels of Linkerd that this package reads or writes.
const (
	InjectAnnotation    = "linkerd.io/inject"
	versionAnnotation   = "linkerd.io/proxy-version"
	trustRootAnnotation = "linkerd.io/trust-root-sha256"
	controlPlaneLabel   = "linkerd.io/control-plane-ns"
	skipWebhooksLabel   = "config.linkerd.io/admission-webhooks"
	configPrefix        = "config.linkerd.io/"
)

// setting is one annotation by which a workload configures its proxy.
type setting struct {
	name string // without the prefix
	// inherited says that the injector copies it from the namespace to the pod.
	inherited bool
	check     func(string) error
}

// key is the full annotation.
func (s *setting) key() string { return configKey(s.name) }

// isSetting reports whether an annotation is one of those by which proxies are configured, or is meant to be one.
func isSetting(key string) bool {
	return strings.HasPrefix(key, configPrefix) || strings.HasPrefix(key, "config.alpha.linkerd.io/") || strings.HasPrefix(key, "config.beta.linkerd.io/")
}

// settings lists the annotations that the injector understands. Others it ignores without a word, and values that it
// cannot parse too, so both are errors here.
func settings() []setting {
	policy := oneOf("all-unauthenticated", "all-authenticated", "cluster-unauthenticated", "cluster-authenticated", "deny", "audit")
	switchable := oneOf("enabled", "disabled")
	return []setting{
		{"config.alpha.linkerd.io/proxy-enable-native-sidecar", true, boolean},
		{"config.alpha.linkerd.io/proxy-wait-before-exit-seconds", true, seconds},
		{"config.beta.linkerd.io/proxy-enable-native-sidecar", false, boolean},
		{"access-log", true, oneOf("apache", "json")},
		{"admin-port", true, portNumber},
		{"close-wait-timeout", false, duration},
		{"control-port", true, portNumber},
		{"debug-image", false, notEmpty},
		{"debug-image-pull-policy", false, pullPolicy()},
		{"debug-image-version", false, notEmpty},
		{"default-inbound-policy", true, policy},
		{"enable-debug-sidecar", true, boolean},
		{"enable-external-profiles", true, boolean},
		{"enable-gateway", false, boolean},
		{"image-pull-policy", true, pullPolicy()},
		{"inbound-port", true, portNumber},
		{"opaque-ports", true, namedPorts},
		{"outbound-port", true, portNumber},
		{"pod-inbound-ports", true, ports},
		{"proxy-additional-env", true, envList},
		{"proxy-admin-shutdown", true, switchable},
		{"proxy-await", true, switchable},
		{"proxy-cpu-limit", true, quantity},
		{"proxy-cpu-ratio-limit", false, ratio},
		{"proxy-cpu-request", true, quantity},
		{"proxy-disable-inbound-protocol-detect-timeout", true, boolean},
		{"proxy-disable-outbound-protocol-detect-timeout", true, boolean},
		{"proxy-enable-native-sidecar", true, boolean},
		{"proxy-ephemeral-storage-limit", true, quantity},
		{"proxy-ephemeral-storage-request", true, quantity},
		{"proxy-gid", true, userID},
		{"proxy-image", true, notEmpty},
		{"proxy-inbound-connect-timeout", true, duration},
		{"proxy-inbound-discovery-cache-unused-timeout", true, duration},
		{"proxy-log-format", true, oneOf("plain", "json")},
		{"proxy-log-http-headers", true, oneOf("off", "insecure")},
		{"proxy-log-level", true, notEmpty},
		{"proxy-memory-limit", true, quantity},
		{"proxy-memory-request", true, quantity},
		{"proxy-metrics-hostname-labels", true, boolean},
		{"proxy-outbound-connect-timeout", true, duration},
		{"proxy-outbound-discovery-cache-unused-timeout", true, duration},
		{"proxy-require-identity-inbound-ports", true, ports},
		{"proxy-uid", true, userID},
		{"proxy-version", true, notEmpty},
		{"shutdown-grace-period", true, duration},
		{"skip-inbound-ports", true, ports},
		{"skip-outbound-ports", true, ports},
		{"skip-subnets", true, subnets},
	}
}

// configKey returns the full annotation for a key of the attribute `config`, which may leave the prefix out.
func configKey(key string) string {
	if strings.Contains(key, "/") {
		return key
	}
	return configPrefix + key
}

// settingNames are the names of the settings, without the prefix that may be left out.
func settingNames() []string {
	var names []string
	for _, s := range settings() {
		names = append(names, s.name)
	}
	return names
}

// CheckSetting reports what is wrong with one setting of the attribute `config`; onNamespace says that it would be
// written on a namespace.
func CheckSetting(key, value string, onNamespace bool) error {
	full := configKey(key)
	name := strings.TrimPrefix(full, configPrefix)
	all := settings()
	i := slices.IndexFunc(all, func(s setting) bool { return s.key() == full })
	if i < 0 {
		return fmt.Errorf("the injector does not know %q and would ignore it.%s", key, suggestSetting(name, settingNames()))
	}
	if err := all[i].check(value); err != nil {
		return fmt.Errorf("%s: %w; the injector would ignore the value", name, err)
	}
	if onNamespace && !all[i].inherited {
		return fmt.Errorf("%s has no effect on a namespace; list the workloads, so that it is written on their pod templates", name)
	}
	return nil
}

// suggestSetting finds the setting that was meant: one that is spelled almost alike, or else the first that consists of
// the same words and some more, such as proxy-enable-native-sidecar for proxy-native-sidecar.
func suggestSetting(name string, names []string) string {
	if s := diag.Suggest(name, names); s != "" {
		return s
	}
	for _, n := range names {
		have := strings.Split(n, "-")
		if words := strings.Split(name, "-"); len(words) > 1 && !slices.ContainsFunc(words, func(w string) bool { return !slices.Contains(have, w) }) {
			return fmt.Sprintf(" Did you mean %q?", n)
		}
	}
	return ""
}

func oneOf(values ...string) func(string) error {
	return func(s string) error {
		if !slices.Contains(values, s) {
			return fmt.Errorf("%q is not one of %s.%s", s, strings.Join(values, ", "), diag.Suggest(s, values))
		}
		return nil
	}
}

func pullPolicy() func(string) error { return oneOf("Always", "IfNotPresent", "Never") }

func notEmpty(s string) error {
	if strings.TrimSpace(s) == "" {
		return errors.New("the value is empty")
	}
	return nil
}

func boolean(s string) error {
	if _, err := strconv.ParseBool(s); err != nil {
		return fmt.Errorf("%q is neither true nor false", s)
	}
	return nil
}

func portNumber(s string) error {
	if n, err := strconv.ParseUint(s, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("%q is not a port number", s)
	}
	return nil
}

func userID(s string) error {
	if _, err := strconv.ParseInt(s, 10, 64); err != nil {
		return fmt.Errorf("%q is not a number", s)
	}
	return nil
}

func seconds(s string) error {
	if _, err := strconv.ParseUint(s, 10, 32); err != nil {
		return fmt.Errorf("%q is not a whole number of seconds", s)
	}
	return nil
}

// ports checks a list of ports and ranges.
func ports(s string) error { return portList(s, false) }

// namedPorts is ports that may also name container ports.
func namedPorts(s string) error { return portList(s, true) }

func portList(s string, names bool) error {
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		from, to, isRange := strings.Cut(part, "-")
		switch {
		case portNumber(part) == nil:
		case isRange && portNumber(from) == nil && portNumber(to) == nil:
			a, _ := strconv.Atoi(from)
			b, _ := strconv.Atoi(to)
			if a > b {
				return fmt.Errorf("the range %q goes backwards", part)
			}
		case names && part[0] >= 'a' && part[0] <= 'z' && len(part) <= 15:
		default:
			return fmt.Errorf("%q is neither a port nor a range of ports", part)
		}
	}
	return nil
}

func subnets(s string) error {
	for part := range strings.SplitSeq(s, ",") {
		if _, err := netip.ParsePrefix(strings.TrimSpace(part)); err != nil {
			return fmt.Errorf("%q is not a network in CIDR notation", part)
		}
	}
	return nil
}

func quantity(s string) error {
	if _, err := resource.ParseQuantity(s); err != nil {
		return fmt.Errorf("%q is not a quantity such as 100m or 64Mi", s)
	}
	return nil
}

func ratio(s string) error {
	if f, err := strconv.ParseFloat(s, 64); err != nil || f <= 0 || f >= 1 {
		return fmt.Errorf("%q is not a number between 0 and 1", s)
	}
	return nil
}

func duration(s string) error {
	if d, err := time.ParseDuration(s); err != nil || d < 0 {
		return fmt.Errorf("%q is not a duration such as 5s", s)
	}
	return nil
}

func envList(s string) error {
	var list []struct {
		Name string `json:"name"`
	}
	if err := json.Unmarshal([]byte(s), &list); err != nil {
		return errors.New("the value is not a JSON list of environment variables")
	}
	for _, e := range list {
		if e.Name == "" {
			return errors.New("an environment variable has no name")
		}
	}
	return nil
}
