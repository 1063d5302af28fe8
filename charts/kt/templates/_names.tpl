{{/* What finds the pods. */}}
{{- define "kt.selector" -}}
app.kubernetes.io/name: kt
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "kt.labels" -}}
{{ include "kt.selector" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "kt.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}
{{ .Values.image.repository }}{{ if hasPrefix "sha256:" $tag }}@{{ else }}:{{ end }}{{ $tag }}
{{- end }}

{{/* What finding the pods behind a service takes. */}}
{{- define "kt.rules" -}}
- apiGroups: [""]
  resources: [services]
  verbs: [get]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch]
{{- if .Values.rights.portForward }}
- apiGroups: [""]
  resources: [pods/portforward]
  verbs: [create, get]
{{- end }}
{{- with .Values.rights.rules }}
{{ toYaml . }}
{{- end }}
{{- end }}
