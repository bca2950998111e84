{{- define "linkerd.createdBy" -}}
linkerd/helm {{ .Values.linkerdVersion | default .Chart.AppVersion }}
{{- end }}

{{- define "linkerd.trustDomain" -}}
{{ .Values.identityTrustDomain | default .Values.clusterDomain }}
{{- end }}

{{- define "linkerd.controllerImage" -}}
{{ .Values.controllerImage }}:{{ .Values.controllerImageVersion | default .Values.linkerdVersion }}
{{- end }}

{{- define "linkerd.proxyImage" -}}
{{ .Values.proxy.image.name }}:{{ .Values.proxy.image.version | default .Values.linkerdVersion }}
{{- end }}

{{/* Labels of an object of one component: dict "root" "component". */}}
{{- define "linkerd.labels" -}}
linkerd.io/control-plane-component: {{ .component }}
linkerd.io/control-plane-ns: {{ .root.Release.Namespace }}
{{- end }}

{{/* What selects the pods of a Deployment. It must never change. */}}
{{- define "linkerd.selector" -}}
{{ include "linkerd.labels" . }}
linkerd.io/proxy-deployment: linkerd-{{ .component }}
{{- end }}

{{- define "linkerd.podLabels" -}}
{{ include "linkerd.selector" . }}
linkerd.io/workload-ns: {{ .root.Release.Namespace }}
{{- with .root.Values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Annotations of pods: dict "root" "opaque" (ports that are not to be inspected). */}}
{{- define "linkerd.podAnnotations" -}}
linkerd.io/created-by: {{ include "linkerd.createdBy" .root }}
linkerd.io/proxy-version: {{ .root.Values.proxy.image.version | default .root.Values.linkerdVersion }}
linkerd.io/trust-root-sha256: {{ .root.Values.identityTrustAnchorsPEM | sha256sum }}
cluster-autoscaler.kubernetes.io/safe-to-evict: "true"
config.linkerd.io/default-inbound-policy: all-unauthenticated
{{- with .opaque }}
config.linkerd.io/opaque-ports: {{ . | quote }}
{{- end }}
{{- with .root.Values.podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Requests and limits out of {cpu: {request, limit}, memory: {request, limit}}. */}}
{{- define "linkerd.resources" -}}
{{- $out := dict "requests" dict "limits" dict }}
{{- range $kind := list "cpu" "memory" }}
{{- with index $ $kind }}
{{- with .request }}{{ $_ := set $out.requests $kind . }}{{ end }}
{{- with .limit }}{{ $_ := set $out.limits $kind . }}{{ end }}
{{- end }}
{{- end }}
{{- range $k := list "requests" "limits" }}
{{- if not (index $out $k) }}{{ $_ := unset $out $k }}{{ end }}
{{- end }}
{{- toYaml $out }}
{{- end }}

{{/* The security context of every container. The argument is the user. */}}
{{- define "linkerd.securityContext" -}}
allowPrivilegeEscalation: false
capabilities: { drop: [ALL] }
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: {{ . }}
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{/* Scheduling of the pods of one component: dict "root" "component". */}}
{{- define "linkerd.scheduling" -}}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- if .root.Values.enablePodAntiAffinity }}
affinity:
  podAntiAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: kubernetes.io/hostname
        labelSelector: &component
          matchExpressions:
            - { key: linkerd.io/control-plane-component, operator: In, values: [{{ .component }}] }
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: topology.kubernetes.io/zone
          labelSelector: *component
{{- end }}
{{- end }}

{{/* What Deployments share: dict "root" "component". */}}
{{- define "linkerd.deployment" -}}
replicas: {{ .root.Values.controllerReplicas }}
revisionHistoryLimit: {{ .root.Values.revisionHistoryLimit }}
selector:
  matchLabels: {{ include "linkerd.selector" . | nindent 4 }}
{{- with .root.Values.deploymentStrategy }}
strategy: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* A disruption budget for one component: dict "root" "component" "name". */}}
{{- define "linkerd.budget" -}}
{{- if .root.Values.enablePodDisruptionBudget }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .name }}
  namespace: {{ .root.Release.Namespace }}
  labels: {{ include "linkerd.labels" . | nindent 4 }}
  annotations:
    linkerd.io/created-by: {{ include "linkerd.createdBy" .root }}
spec:
  maxUnavailable: {{ .root.Values.controller.podDisruptionBudget.maxUnavailable }}
  selector:
    matchLabels:
      linkerd.io/control-plane-component: {{ .component }}
{{- end }}
{{- end }}
