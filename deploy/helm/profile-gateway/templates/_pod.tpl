{{/* What every pod of this chart has: nothing that it does not need (Pod Security "restricted"). */}}

{{- define "profile-gateway.podSecurity" -}}
automountServiceAccountToken: false
# Services would be told to processes as variables, USER_SERVICE_PORT for example, that are nearly settings.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "profile-gateway.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/*
Where Helm may look at what is in the cluster, pods are replaced when a Secret has changed that they were started with;
of (root, secrets), which are their names by what they are for.
*/}}
{{- define "profile-gateway.checksums" -}}
{{- range $key, $name := .secrets }}
{{- with $name }}
{{- with lookup "v1" "Secret" $.root.Release.Namespace . }}
checksum/{{ $key }}: {{ toJson .data | sha256sum }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Where the scheduler may put it; of (root, name, process). */}}
{{- define "profile-gateway.placement" -}}
topologySpreadConstraints:
{{- range $key, $when := dict "topology.kubernetes.io/zone" .process.spread.zones "kubernetes.io/hostname" .process.spread.hosts }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: {{ $when }}
    labelSelector:
      matchLabels: {{- include "profile-gateway.selector" $ | nindent 8 }}
    {{- if $.byRevision }}
    matchLabelKeys: [pod-template-hash]
    {{- end }}
{{- end }}
{{- with .process.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .process.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .process.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .process.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .process.dnsConfig }}
dnsConfig: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* A value of a setting as the environment has it: whole numbers without an exponent. */}}
{{- define "profile-gateway.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}{{ int64 . }}{{- else -}}{{ . }}{{- end -}}
{{- end -}}
