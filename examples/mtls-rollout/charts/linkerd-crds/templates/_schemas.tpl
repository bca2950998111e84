{{/* Metadata that all definitions share. The dictionary holds the root context and the name. */}}
{{- define "crds.metadata" -}}
name: {{ .name }}
annotations:
  linkerd.io/created-by: linkerd/helm {{ .root.Chart.AppVersion }}
labels:
  helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version | replace "+" "_" }}
  linkerd.io/control-plane-ns: {{ .root.Values.linkerdNamespace | default .root.Release.Namespace }}
{{- end }}

{{/* Parts of references to other objects. */}}
{{- define "crds.group" -}}
{ type: string, maxLength: 253, pattern: '^$|^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$' }
{{- end }}
{{- define "crds.kind" -}}
{ type: string, minLength: 1, maxLength: 63, pattern: '^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$' }
{{- end }}
{{- define "crds.name" -}}
{ type: string, minLength: 1, maxLength: 253 }
{{- end }}
{{- define "crds.namespace" -}}
{ type: string, minLength: 1, maxLength: 63, pattern: '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$' }
{{- end }}
{{- define "crds.port" -}}
{ type: integer, format: int32, minimum: 1, maximum: 65535 }
{{- end }}

{{/* A reference to an object of the same namespace. */}}
{{- define "crds.localRef" -}}
type: object
required: [kind, name]
properties:
  group: {{ include "crds.group" . }}
  kind: {{ include "crds.kind" . }}
  name: {{ include "crds.name" . }}
{{- end }}

{{/* A selector of pods, external workloads or Servers. */}}
{{- define "crds.selector" -}}
type: object
properties:
  matchLabels: { type: object, x-kubernetes-preserve-unknown-fields: true }
  matchExpressions:
    type: array
    items:
      type: object
      required: [key, operator]
      properties:
        key: { type: string }
        operator: { type: string, enum: [In, NotIn, Exists, DoesNotExist] }
        values: { type: array, items: { type: string } }
{{- end }}

{{/* Networks with exceptions. */}}
{{- define "crds.networks" -}}
type: array
items:
  type: object
  required: [cidr]
  properties:
    cidr: { type: string }
    except: { type: array, items: { type: string } }
{{- end }}

{{/* Conditions without a generation, as most of Linkerd's kinds have them. */}}
{{- define "crds.conditions" -}}
type: array
items:
  type: object
  properties:
    type: { type: string, maxLength: 316 }
    status: { type: string, enum: ["True", "False", Unknown] }
    reason: { type: string, minLength: 1, maxLength: 1024 }
    message: { type: string, maxLength: 32768 }
    lastTransitionTime: { type: string, format: date-time }
{{- end }}
