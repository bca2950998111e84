{{/* The proxy of a pod: dict "root" "component" "native" (an init container that keeps running). */}}
{{- define "linkerd.proxy" -}}
{{- $v := .root.Values }}
{{- $ns := .root.Release.Namespace }}
{{- $domain := include "linkerd.trustDomain" .root }}
{{- $suffix := printf "%s.serviceaccount.identity.%s.%s" $ns $ns $domain }}
name: linkerd-proxy
image: {{ include "linkerd.proxyImage" .root }}
imagePullPolicy: {{ $v.proxy.image.pullPolicy | default $v.imagePullPolicy }}
{{- if .native }}
restartPolicy: Always
{{- end }}
ports:
  - { name: linkerd-proxy, containerPort: {{ $v.proxy.ports.inbound }} }
  - { name: linkerd-admin, containerPort: {{ $v.proxy.ports.admin }} }
livenessProbe:
  initialDelaySeconds: 10
  httpGet: { path: /live, port: {{ $v.proxy.ports.admin }} }
readinessProbe:
  initialDelaySeconds: 2
  httpGet: { path: /ready, port: {{ $v.proxy.ports.admin }} }
{{- if and .native $v.proxy.await }}
startupProbe:
  periodSeconds: 1
  failureThreshold: 120
  httpGet: { path: /ready, port: {{ $v.proxy.ports.admin }} }
{{- end }}
env:
  - { name: _pod_name, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
  - { name: _pod_ns, valueFrom: { fieldRef: { fieldPath: metadata.namespace } } }
  - { name: _pod_sa, valueFrom: { fieldRef: { fieldPath: spec.serviceAccountName } } }
  - { name: LINKERD2_PROXY_LOG, value: {{ $v.proxy.logLevel | quote }} }
  - { name: LINKERD2_PROXY_LOG_FORMAT, value: {{ $v.proxy.logFormat | quote }} }
  - { name: LINKERD2_PROXY_DESTINATION_SVC_ADDR, value: "linkerd-dst-headless.{{ $ns }}.svc.{{ $v.clusterDomain }}.:8086" }
  - { name: LINKERD2_PROXY_DESTINATION_SVC_NAME, value: linkerd-destination.{{ $suffix }} }
  - { name: LINKERD2_PROXY_POLICY_SVC_ADDR, value: "linkerd-policy.{{ $ns }}.svc.{{ $v.clusterDomain }}.:8090" }
  - { name: LINKERD2_PROXY_POLICY_SVC_NAME, value: linkerd-destination.{{ $suffix }} }
  - { name: LINKERD2_PROXY_POLICY_WORKLOAD, value: '{"ns":"$(_pod_ns)", "pod":"$(_pod_name)"}' }
  - { name: LINKERD2_PROXY_POLICY_CLUSTER_NETWORKS, value: {{ $v.clusterNetworks | quote }} }
  - { name: LINKERD2_PROXY_INBOUND_DEFAULT_POLICY, value: all-unauthenticated }
  {{- if eq .component "identity" }}
  - { name: LINKERD2_PROXY_INBOUND_PORTS_REQUIRE_TLS, value: "8080" }
  {{- end }}
  - { name: LINKERD2_PROXY_CONTROL_LISTEN_ADDR, value: "0.0.0.0:{{ $v.proxy.ports.control }}" }
  - { name: LINKERD2_PROXY_ADMIN_LISTEN_ADDR, value: "0.0.0.0:{{ $v.proxy.ports.admin }}" }
  - { name: LINKERD2_PROXY_INBOUND_LISTEN_ADDR, value: "0.0.0.0:{{ $v.proxy.ports.inbound }}" }
  - { name: LINKERD2_PROXY_OUTBOUND_LISTEN_ADDRS, value: "127.0.0.1:{{ $v.proxy.ports.outbound }}" }
  - { name: LINKERD2_PROXY_INBOUND_CONNECT_TIMEOUT, value: {{ $v.proxy.inboundConnectTimeout }} }
  - { name: LINKERD2_PROXY_OUTBOUND_CONNECT_TIMEOUT, value: {{ $v.proxy.outboundConnectTimeout }} }
  - name: LINKERD2_PROXY_IDENTITY_TRUST_ANCHORS
    valueFrom: { configMapKeyRef: { name: linkerd-identity-trust-roots, key: ca-bundle.crt } }
  - { name: LINKERD2_PROXY_IDENTITY_DIR, value: /var/run/linkerd/identity/end-entity }
  - { name: LINKERD2_PROXY_IDENTITY_TOKEN_FILE, value: /var/run/secrets/tokens/linkerd-identity-token }
  {{- if eq .component "identity" }}
  - { name: LINKERD2_PROXY_IDENTITY_SVC_ADDR, value: "localhost.:8080" }
  {{- else }}
  - { name: LINKERD2_PROXY_IDENTITY_SVC_ADDR, value: "linkerd-identity-headless.{{ $ns }}.svc.{{ $v.clusterDomain }}.:8080" }
  {{- end }}
  - { name: LINKERD2_PROXY_IDENTITY_LOCAL_NAME, value: $(_pod_sa).$(_pod_ns).serviceaccount.identity.{{ $ns }}.{{ $domain }} }
  - { name: LINKERD2_PROXY_IDENTITY_SVC_NAME, value: linkerd-identity.{{ $suffix }} }
resources: {{ include "linkerd.resources" $v.proxy.resources | nindent 2 }}
securityContext: {{ include "linkerd.securityContext" $v.proxy.uid | nindent 2 }}
terminationMessagePolicy: FallbackToLogsOnError
volumeMounts:
  - { name: linkerd-identity-end-entity, mountPath: /var/run/linkerd/identity/end-entity }
  - { name: linkerd-identity-token, mountPath: /var/run/secrets/tokens }
{{- end }}

{{/* What sends a pod's traffic through the proxy, or checks that the CNI plugin did. */}}
{{- define "linkerd.proxyInit" -}}
{{- $v := .Values }}
{{- if $v.cniEnabled }}
name: linkerd-network-validator
image: {{ include "linkerd.proxyImage" . }}
imagePullPolicy: {{ $v.imagePullPolicy }}
command: [/usr/lib/linkerd/linkerd2-network-validator]
args: [--log-format, plain, --log-level, debug, --connect-addr, "1.1.1.1:20001", --listen-addr, "0.0.0.0:{{ $v.proxy.ports.outbound }}", --timeout, 10s]
securityContext: {{ include "linkerd.securityContext" $v.proxyInit.runAsUser | nindent 2 }}
{{- else }}
name: linkerd-init
image: {{ include "linkerd.proxyImage" . }}
imagePullPolicy: {{ $v.imagePullPolicy }}
command: [/usr/lib/linkerd/linkerd2-proxy-init]
args:
  - --incoming-proxy-port
  - {{ $v.proxy.ports.inbound | quote }}
  - --outgoing-proxy-port
  - {{ $v.proxy.ports.outbound | quote }}
  - --proxy-uid
  - {{ $v.proxy.uid | quote }}
  - --inbound-ports-to-ignore
  - {{ printf "%v,%v,%s" $v.proxy.ports.control $v.proxy.ports.admin $v.proxyInit.ignoreInboundPorts | quote }}
  - --outbound-ports-to-ignore
  - {{ printf "%s,%s" $v.proxyInit.kubeAPIServerPorts $v.proxyInit.ignoreOutboundPorts | quote }}
  - --firewall-bin-path
  - {{ ternary "iptables-nft" "iptables-legacy" (eq $v.proxyInit.iptablesMode "nft") }}
securityContext:
  allowPrivilegeEscalation: false
  capabilities: { add: [NET_ADMIN, NET_RAW] }
  privileged: false
  readOnlyRootFilesystem: true
  runAsNonRoot: {{ not $v.proxyInit.runAsRoot }}
  runAsUser: {{ ternary 0 $v.proxyInit.runAsUser $v.proxyInit.runAsRoot }}
  seccompProfile: { type: RuntimeDefault }
volumeMounts:
  - { name: linkerd-proxy-init-xtables-lock, mountPath: /run }
{{- end }}
terminationMessagePolicy: FallbackToLogsOnError
{{- end }}

{{/* Volumes of every meshed pod. */}}
{{- define "linkerd.proxyVolumes" -}}
{{- if not .Values.cniEnabled -}}
- { name: linkerd-proxy-init-xtables-lock, emptyDir: {} }
{{ end -}}
- { name: linkerd-identity-end-entity, emptyDir: { medium: Memory } }
- name: linkerd-identity-token
  projected:
    sources:
      - serviceAccountToken: { path: linkerd-identity-token, audience: identity.l5d.io, expirationSeconds: 86400 }
{{- end }}
