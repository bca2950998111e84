package mesh

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"
)

const proxyImage = "cr.l5d.io/linkerd/proxy"

func (i *injection) image(p *corev1.Pod) string {
	return annotated(p, annConfig+"proxy-image", i.settings.str("proxy.image.name", proxyImage)) + ":" +
		annotated(p, annConfig+"proxy-version", i.settings.proxyVersion())
}

func (i *injection) pullPolicy(p *corev1.Pod) corev1.PullPolicy {
	return corev1.PullPolicy(annotated(p, annConfig+"image-pull-policy",
		i.settings.str("proxy.image.pullPolicy", i.settings.str("imagePullPolicy", "IfNotPresent"))))
}

// proxy builds the container linkerd-proxy.
func (i *injection) proxy(p *corev1.Pod) corev1.Container {
	s := i.settings
	return corev1.Container{
		Name:            proxyContainer,
		Image:           i.image(p),
		ImagePullPolicy: i.pullPolicy(p),
		Env:             i.environment(p),
		Ports: []corev1.ContainerPort{
			{Name: "linkerd-proxy", ContainerPort: number(annotated(p, annConfig+"inbound-port", s.str("proxy.ports.inbound", "4143")))},
			{Name: "linkerd-admin", ContainerPort: number(adminPort(p))},
		},
		LivenessProbe:  adminProbe(p, "/live"),
		ReadinessProbe: adminProbe(p, "/ready"),
		Resources:      i.resources(p),
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			ReadOnlyRootFilesystem:   ptr.To(true),
			RunAsNonRoot:             ptr.To(true),
			RunAsUser:                ptr.To(int64(number(annotated(p, annConfig+"proxy-uid", s.str("proxy.uid", "2102"))))),
			SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
		VolumeMounts: []corev1.VolumeMount{
			{Name: "linkerd-identity-end-entity", MountPath: "/var/run/linkerd/identity/end-entity"},
			{Name: "linkerd-identity-token", MountPath: "/var/run/secrets/tokens"},
		},
	}
}

// environment is the part of the proxy's environment that tells proxies apart.
func (i *injection) environment(p *corev1.Pod) []corev1.EnvVar {
	s := i.settings
	service := func(name string, port int) string {
		return fmt.Sprintf("%s.%s.svc.%s.:%d", name, s.namespace, s.clusterDomain(), port)
	}
	field := func(name, path string) corev1.EnvVar {
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}}
	}
	ports := p.Annotations[annConfig+"pod-inbound-ports"]
	if ports == "" {
		ports = containerPorts(p)
	}
	env := []corev1.EnvVar{
		field("_pod_name", "metadata.name"),
		field("_pod_ns", "metadata.namespace"),
		field("_pod_nodeName", "spec.nodeName"),
		field("_pod_uid", "metadata.uid"),
	}
	add := func(name, value string) {
		env = append(env, corev1.EnvVar{Name: "LINKERD2_PROXY_" + name, Value: value})
	}
	option := func(name, key string) {
		if v := p.Annotations[annConfig+key]; v != "" {
			add(name, v)
		}
	}
	switchedOn := func(name, key string) {
		if v := p.Annotations[annConfig+key]; v == "true" || v == "enabled" {
			add(name, "true")
		}
	}
	add("LOG", annotated(p, annConfig+"proxy-log-level", s.str("proxy.logLevel", "warn,linkerd=info,hickory=error")))
	add("LOG_FORMAT", annotated(p, annConfig+"proxy-log-format", s.str("proxy.logFormat", "plain")))
	add("DESTINATION_SVC_ADDR", service("linkerd-dst-headless", 8086))
	add("POLICY_SVC_ADDR", service("linkerd-policy", 8090))
	add("POLICY_WORKLOAD", `{"ns":"$(_pod_ns)", "pod":"$(_pod_name)"}`)
	add("INBOUND_DEFAULT_POLICY", annotated(p, annConfig+"default-inbound-policy", s.defaultPolicy()))
	add("POLICY_CLUSTER_NETWORKS", strings.Join(s.clusterNetworks(), ","))
	add("CONTROL_LISTEN_ADDR", "0.0.0.0:"+annotated(p, annConfig+"control-port", s.str("proxy.ports.control", "4190")))
	add("ADMIN_LISTEN_ADDR", "0.0.0.0:"+adminPort(p))
	add("OUTBOUND_LISTEN_ADDRS", "127.0.0.1:"+annotated(p, annConfig+"outbound-port", s.str("proxy.ports.outbound", "4140")))
	add("INBOUND_LISTEN_ADDR", "0.0.0.0:"+annotated(p, annConfig+"inbound-port", s.str("proxy.ports.inbound", "4143")))
	add("INBOUND_PORTS", ports)
	option("INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION", "opaque-ports")
	option("INBOUND_PORTS_REQUIRE_IDENTITY", "proxy-require-identity-inbound-ports")
	if p.Annotations[annInject] == "ingress" {
		add("INGRESS_MODE", "true")
	}
	switchedOn("SHUTDOWN_ENDPOINT_ENABLED", "proxy-admin-shutdown")
	option("ACCESS_LOG", "access-log")
	option("OUTBOUND_CONNECT_TIMEOUT", "proxy-outbound-connect-timeout")
	option("INBOUND_CONNECT_TIMEOUT", "proxy-inbound-connect-timeout")
	option("SHUTDOWN_GRACE_PERIOD", "shutdown-grace-period")
	add("IDENTITY_DIR", "/var/run/linkerd/identity/end-entity")
	env = append(env, corev1.EnvVar{Name: envAnchors, Value: strings.TrimSpace(i.anchors) + "\n"})
	add("IDENTITY_TOKEN_FILE", "/var/run/secrets/tokens/linkerd-identity-token")
	add("IDENTITY_SVC_ADDR", service("linkerd-identity-headless", 8080))
	env = append(env, field("_pod_sa", "spec.serviceAccountName"),
		corev1.EnvVar{Name: "_l5d_ns", Value: s.namespace}, corev1.EnvVar{Name: "_l5d_trustdomain", Value: s.trustDomain()})
	add("IDENTITY_LOCAL_NAME", s.identity("$(_pod_sa)", "$(_pod_ns)"))
	add("IDENTITY_SVC_NAME", s.identity("linkerd-identity", s.namespace))
	add("DESTINATION_SVC_NAME", s.identity("linkerd-destination", s.namespace))
	add("POLICY_SVC_NAME", s.identity("linkerd-destination", s.namespace))
	return i.additionalEnv(p, env)
}

// additionalEnv merges extra variables by name: values, then namespace, then workload.
func (i *injection) additionalEnv(p *corev1.Pod, env []corev1.EnvVar) []corev1.EnvVar {
	fromValues, _ := yaml.Marshal(i.settings.value("proxy.additionalEnv"))
	for _, raw := range []string{string(fromValues), i.namespace.Annotations[annConfig+"proxy-additional-env"],
		p.Annotations[annConfig+"proxy-additional-env"]} {
		var extra []corev1.EnvVar
		if yaml.Unmarshal([]byte(raw), &extra) != nil {
			continue
		}
		for _, e := range extra {
			env = append(slices.DeleteFunc(env, func(o corev1.EnvVar) bool { return o.Name == e.Name }), e)
		}
	}
	return env
}

// resources reads requests and limits from annotations, then from the values. What does not parse is ignored.
func (i *injection) resources(p *corev1.Pod) corev1.ResourceRequirements {
	var out corev1.ResourceRequirements
	set := func(list *corev1.ResourceList, name corev1.ResourceName, short, kind string) {
		q, err := resource.ParseQuantity(annotated(p, annConfig+"proxy-"+short+"-"+kind,
			i.settings.str("proxy.resources."+string(name)+"."+kind, "")))
		if err != nil {
			return
		}
		if *list == nil {
			*list = corev1.ResourceList{}
		}
		(*list)[name] = q
	}
	for name, short := range map[corev1.ResourceName]string{corev1.ResourceCPU: "cpu", corev1.ResourceMemory: "memory",
		corev1.ResourceEphemeralStorage: "ephemeral-storage"} {
		set(&out.Requests, name, short, "request")
		set(&out.Limits, name, short, "limit")
	}
	return out
}

// initContainer sets up the packet redirection; since 2.20 it runs from the proxy's image.
func (i *injection) initContainer(p *corev1.Pod) corev1.Container {
	s := i.settings
	return corev1.Container{
		Name: initContainer, Image: i.image(p), ImagePullPolicy: i.pullPolicy(p),
		Command: []string{"/usr/lib/linkerd/linkerd2-proxy-init"},
		Args: []string{
			"--firewall-bin-path", "iptables-nft", "--firewall-save-bin-path", "iptables-nft-save", "--ipv6=false",
			"--incoming-proxy-port", annotated(p, annConfig+"inbound-port", "4143"),
			"--outgoing-proxy-port", annotated(p, annConfig+"outbound-port", "4140"),
			"--proxy-uid", annotated(p, annConfig+"proxy-uid", s.str("proxy.uid", "2102")),
			"--inbound-ports-to-ignore", strings.Join([]string{
				annotated(p, annConfig+"control-port", "4190"), adminPort(p),
				annotated(p, annConfig+"skip-inbound-ports", s.str("proxyInit.ignoreInboundPorts", "4567,4568"))}, ","),
			"--outbound-ports-to-ignore", annotated(p, annConfig+"skip-outbound-ports", s.str("proxyInit.ignoreOutboundPorts", "4567,4568")),
		},
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false), Privileged: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true),
			RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To(int64(65534)),
			Capabilities:   &corev1.Capabilities{Add: []corev1.Capability{"NET_ADMIN", "NET_RAW"}},
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
		VolumeMounts:             []corev1.VolumeMount{{Name: "linkerd-proxy-init-xtables-lock", MountPath: "/run"}},
	}
}

// networkValidator takes the place of linkerd-init where the CNI plugin sets up the redirection.
func (i *injection) networkValidator(p *corev1.Pod) corev1.Container {
	return corev1.Container{
		Name: validatorContainer, Image: i.image(p), ImagePullPolicy: i.pullPolicy(p),
		Command: []string{"/usr/lib/linkerd/linkerd2-network-validator"},
		Args:    []string{"--log-format", "plain", "--timeout", "10s"},
		SecurityContext: &corev1.SecurityContext{
			AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true), RunAsNonRoot: ptr.To(true),
			RunAsUser: ptr.To(int64(65534)), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
	}
}

func identityVolumes() []corev1.Volume {
	return []corev1.Volume{
		emptyDir("linkerd-identity-end-entity", corev1.StorageMediumMemory),
		{Name: "linkerd-identity-token", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
			Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{
				Audience: "identity.l5d.io", ExpirationSeconds: ptr.To(int64(86400)), Path: "linkerd-identity-token",
			}}},
		}}},
	}
}

func emptyDir(name string, medium corev1.StorageMedium) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: medium}}}
}

func adminPort(p *corev1.Pod) string { return annotated(p, annConfig+"admin-port", "4191") }

func adminProbe(p *corev1.Pod, path string) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:        corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: intstr.FromInt32(number(adminPort(p)))}},
		InitialDelaySeconds: 2,
	}
}

// containerPorts lists the TCP ports of the pod's own containers.
func containerPorts(p *corev1.Pod) string {
	var out []string
	for _, c := range p.Spec.Containers {
		for _, port := range c.Ports {
			if port.Protocol == "" || port.Protocol == corev1.ProtocolTCP {
				out = append(out, strconv.Itoa(int(port.ContainerPort)))
			}
		}
	}
	return strings.Join(out, ",")
}

// number reads a port or user number; zero where it is none, which the API server then refuses.
func number(s string) int32 {
	n, _ := strconv.ParseInt(s, 10, 32)
	return int32(n)
}
