{{/* Refuses settings of a webhook that contradict each other: dict "key" "values". */}}
{{- define "linkerd.webhook.check" -}}
{{- $w := .values }}
{{- $injected := or $w.injectCaFrom $w.injectCaFromSecret }}
{{- if and $injected (not $w.externalSecret) }}
{{- fail (printf "%s: injectCaFrom and injectCaFromSecret need externalSecret: true" .key) }}
{{- end }}
{{- if and $injected $w.caBundle }}
{{- fail (printf "%s: set caBundle or injectCaFrom, not both" .key) }}
{{- end }}
{{- if and $w.externalSecret (not (or $injected $w.caBundle)) }}
{{- fail (printf "%s: externalSecret needs caBundle, injectCaFrom or injectCaFromSecret" .key) }}
{{- end }}
{{- if not $w.externalSecret }}
{{- $_ := required (printf "%s.crtPEM is required unless externalSecret is true" .key) $w.crtPEM }}
{{- $_ := required (printf "%s.keyPEM is required unless externalSecret is true" .key) $w.keyPEM }}
{{- end }}
{{- end }}

{{/* The Secret of a webhook's certificate: dict "root" "component" "name" "values". */}}
{{- define "linkerd.webhook.secret" -}}
{{- if not .values.externalSecret }}
---
apiVersion: v1
kind: Secret
type: kubernetes.io/tls
metadata:
  name: {{ .name }}-k8s-tls
  namespace: {{ .root.Release.Namespace }}
  labels: {{ include "linkerd.labels" . | nindent 4 }}
  annotations:
    linkerd.io/created-by: {{ include "linkerd.createdBy" .root }}
data:
  tls.crt: {{ .values.crtPEM | trim | b64enc }}
  tls.key: {{ .values.keyPEM | trim | b64enc }}
{{- end }}
{{- end }}

{{/* Annotations through which cert-manager fills the CA in. */}}
{{- define "linkerd.webhook.inject" -}}
{{- with .injectCaFrom }}
cert-manager.io/inject-ca-from: {{ . }}
{{- end }}
{{- with .injectCaFromSecret }}
cert-manager.io/inject-ca-from-secret: {{ . }}
{{- end }}
{{- end }}

{{/* How the API server reaches a webhook: dict "root" "service" "values". */}}
{{- define "linkerd.webhook.client" -}}
clientConfig:
  service: { name: {{ .service }}, namespace: {{ .root.Release.Namespace }}, path: / }
  {{- if not (or .values.injectCaFrom .values.injectCaFromSecret) }}
  caBundle: {{ .values.caBundle | default .values.crtPEM | trim | b64enc }}
  {{- end }}
failurePolicy: {{ .root.Values.webhookFailurePolicy }}
admissionReviewVersions: [v1, v1beta1]
sideEffects: None
{{- end }}
