{{/* Header changes of a route's filter. */}}
{{- define "crds.headers" -}}
type: array
maxItems: 16
x-kubernetes-list-type: map
x-kubernetes-list-map-keys: [name]
items:
  type: object
  required: [name, value]
  properties:
    name: { type: string, minLength: 1, maxLength: 256, pattern: '^[A-Za-z0-9!#$%&''*+\-.^_\x60|~]+$' }
    value: { type: string, minLength: 1, maxLength: 4096 }
{{- end }}
{{- define "crds.modifier" -}}
type: object
properties:
  add: {{ include "crds.headers" . | nindent 4 }}
  set: {{ include "crds.headers" . | nindent 4 }}
  remove: { type: array, maxItems: 16, items: { type: string } }
{{- end }}

{{/* Filters; the argument lists the types that are allowed. */}}
{{- define "crds.filters" -}}
type: array
maxItems: 16
items:
  type: object
  required: [type]
  properties:
    type: { type: string, enum: {{ . | toJson }} }
    requestHeaderModifier: {{ include "crds.modifier" . | nindent 6 }}
    {{- if has "ResponseHeaderModifier" . }}
    responseHeaderModifier: {{ include "crds.modifier" . | nindent 6 }}
    {{- end }}
    requestRedirect:
      type: object
      properties:
        scheme: { type: string, enum: [http, https] }
        hostname: { type: string, minLength: 1, maxLength: 253 }
        port: {{ include "crds.port" . }}
        statusCode: { type: integer, enum: [301, 302], default: 302 }
        path:
          type: object
          required: [type]
          properties:
            type: { type: string, enum: [ReplaceFullPath, ReplacePrefixMatch] }
            replaceFullPath: { type: string, maxLength: 1024 }
            replacePrefixMatch: { type: string, maxLength: 1024 }
{{- end }}

{{/* Exact or regular matches of headers and parameters; the argument is the limit of the value. */}}
{{- define "crds.matches" -}}
type: array
maxItems: 16
x-kubernetes-list-type: map
x-kubernetes-list-map-keys: [name]
items:
  type: object
  required: [name, value]
  properties:
    name: { type: string, minLength: 1, maxLength: 256 }
    type: { type: string, enum: [Exact, RegularExpression], default: Exact }
    value: { type: string, minLength: 1, maxLength: {{ . }} }
{{- end }}

{{- define "crds.parentRef" -}}
type: object
required: [name]
properties:
  group: { type: string, maxLength: 253, default: policy.linkerd.io }
  kind: { type: string, minLength: 1, maxLength: 63, default: Gateway }
  name: {{ include "crds.name" . }}
  namespace: {{ include "crds.namespace" . }}
  port: {{ include "crds.port" . }}
  sectionName: { type: string, minLength: 1, maxLength: 253 }
{{- end }}
