{{- define "viz.createdBy" -}}
linkerd/helm {{ .Values.linkerdVersion | default .Chart.AppVersion }}
{{- end }}

{{/* Labels of what belongs to one component: dict "root" "component". */}}
{{- define "viz.labels" -}}
linkerd.io/extension: viz
component: {{ .component }}
{{- end }}

{{/* Requests and limits out of {cpu: {request, limit}, memory: {request, limit}}. */}}
{{- define "viz.resources" -}}
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

{{/* The Secret of a server's certificate: dict "root" "component" "values" "key". */}}
{{- define "viz.secret" -}}
{{- if .values.externalSecret }}
{{- if not (or .values.caBundle .values.injectCaFrom .values.injectCaFromSecret) }}
{{- fail (printf "%s: externalSecret needs caBundle, injectCaFrom or injectCaFromSecret" .key) }}
{{- end }}
{{- else }}
---
apiVersion: v1
kind: Secret
type: kubernetes.io/tls
metadata:
  name: {{ .component }}-k8s-tls
  namespace: {{ .root.Release.Namespace }}
  labels: {{ include "viz.labels" . | nindent 4 }}
data:
  tls.crt: {{ required (printf "%s.crtPEM is required unless externalSecret is true" .key) .values.crtPEM | trim | b64enc }}
  tls.key: {{ required (printf "%s.keyPEM is required unless externalSecret is true" .key) .values.keyPEM | trim | b64enc }}
{{- end }}
{{- end }}

{{/* Annotations through which cert-manager fills the CA in. */}}
{{- define "viz.inject" -}}
{{- with .injectCaFrom }}
cert-manager.io/inject-ca-from: {{ . }}
{{- end }}
{{- with .injectCaFromSecret }}
cert-manager.io/inject-ca-from-secret: {{ . }}
{{- end }}
{{- end }}

{{/* ServiceAccount, Service and Deployment of a component: dict "root" "component" "values" "ports" "admin" "args" "image" "checksum" "tls". */}}
{{- define "viz.component" -}}
{{- $ns := .root.Release.Namespace }}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .component }}
  namespace: {{ $ns }}
  labels: {{ include "viz.labels" . | nindent 4 }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ .component }}
  namespace: {{ $ns }}
  labels: {{ include "viz.labels" . | nindent 4 }}
  annotations:
    linkerd.io/created-by: {{ include "viz.createdBy" .root }}
    linkerd.io/inject: enabled
spec:
  type: ClusterIP
  selector: {{ include "viz.labels" . | nindent 4 }}
  ports:
    {{- range .ports }}
    - { name: {{ .name }}, port: {{ .port }}, targetPort: {{ .target | default .port }} }
    {{- end }}
{{- if and .root.Values.enablePodDisruptionBudget (gt (int (.values.replicas | default 1)) 1) }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ .component }}
  namespace: {{ $ns }}
  labels: {{ include "viz.labels" . | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {{ include "viz.labels" . | nindent 6 }}
{{- end }}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .component }}
  namespace: {{ $ns }}
  labels:
    app.kubernetes.io/name: {{ .component }}
    app.kubernetes.io/part-of: Linkerd
    app.kubernetes.io/version: {{ .root.Values.linkerdVersion }}
    {{- include "viz.labels" . | nindent 4 }}
  annotations:
    linkerd.io/created-by: {{ include "viz.createdBy" .root }}
    linkerd.io/inject: enabled
    config.linkerd.io/proxy-await: enabled
spec:
  replicas: {{ .values.replicas | default 1 }}
  revisionHistoryLimit: {{ .root.Values.revisionHistoryLimit }}
  selector:
    matchLabels: {{ include "viz.labels" . | nindent 6 }}
  {{- if .root.Values.enablePodAntiAffinity }}
  strategy: { rollingUpdate: { maxUnavailable: 1 } }
  {{- end }}
  template:
    metadata:
      labels:
        {{- include "viz.labels" . | nindent 8 }}
        {{- with .root.Values.podLabels }}{{ toYaml . | nindent 8 }}{{ end }}
      annotations:
        {{- with .checksum }}
        checksum/config: {{ . }}
        {{- end }}
        linkerd.io/created-by: {{ include "viz.createdBy" .root }}
        linkerd.io/inject: enabled
        cluster-autoscaler.kubernetes.io/safe-to-evict: "true"
        {{- with .root.Values.podAnnotations }}{{ toYaml . | nindent 8 }}{{ end }}
    spec:
      {{- with .root.Values.nodeSelector }}
      nodeSelector: {{ toYaml . | nindent 8 }}
      {{- end }}
      {{- with .root.Values.tolerations }}
      tolerations: {{ toYaml . | nindent 8 }}
      {{- end }}
      {{- if .root.Values.enablePodAntiAffinity }}
      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            - topologyKey: kubernetes.io/hostname
              labelSelector: { matchLabels: { component: {{ .component }} } }
      {{- end }}
      serviceAccountName: {{ .component }}
      securityContext: { seccompProfile: { type: RuntimeDefault } }
      containers:
        - name: {{ .component }}
          image: {{ .image | default (printf "%s/%s:%s" .root.Values.defaultRegistry .component .root.Values.linkerdVersion) }}
          imagePullPolicy: {{ .root.Values.defaultImagePullPolicy }}
          args:
            {{- range .args }}
            - {{ . | quote }}
            {{- end }}
          ports:
            {{- range .ports }}
            {{- if not .bare }}
            - { name: {{ .name }}, containerPort: {{ .container | default .port }} }
            {{- end }}
            {{- end }}
            - { name: admin, containerPort: {{ .admin }} }
          livenessProbe: { initialDelaySeconds: 10, httpGet: { path: /ping, port: {{ .admin }} } }
          readinessProbe: { failureThreshold: 7, httpGet: { path: /ready, port: {{ .admin }} } }
          resources: {{ include "viz.resources" (.values.resources | default dict) | nindent 12 }}
          securityContext:
            allowPrivilegeEscalation: false
            capabilities: { drop: [ALL] }
            readOnlyRootFilesystem: true
            runAsNonRoot: true
            runAsUser: {{ .root.Values.defaultUID }}
            runAsGroup: {{ .root.Values.defaultGID }}
            seccompProfile: { type: RuntimeDefault }
          {{- if .tls }}
          volumeMounts: [{ name: tls, mountPath: /var/run/linkerd/tls, readOnly: true }]
      volumes: [{ name: tls, secret: { secretName: {{ .component }}-k8s-tls } }]
      {{- end }}
{{- end }}
