{{/* What may come to a component and where it may go, and nothing else; of (root, name, ingress, egress). */}}
{{- define "profile-gateway.policy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{- include "profile-gateway.metadata" . | nindent 2 }}
spec:
  podSelector:
    matchLabels: {{- include "profile-gateway.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress: {{- toYaml .ingress | nindent 4 }}
  egress: {{- toYaml .egress | nindent 4 }}
{{- end -}}
