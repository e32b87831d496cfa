{{/* What Prometheus asks; of (root, name, port, job, service, essential), the last two where clients are served. */}}
{{- define "profile-gateway.monitor" -}}
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  {{- include "profile-gateway.metadata" . | nindent 2 }}
    {{- with .root.Values.monitoring.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  jobLabel: app.kubernetes.io/name
  selector:
    matchLabels: {{- include "profile-gateway.selector" . | nindent 6 }}
  endpoints:
    - port: {{ .port }}
      path: /metrics
      interval: {{ .root.Values.monitoring.serviceMonitor.interval }}
      scrapeTimeout: {{ .root.Values.monitoring.serviceMonitor.scrapeTimeout }}
      relabelings:
        # The operator's own labels of these names would displace those that metrics have.
        - {action: labeldrop, regex: endpoint|service|container}
        # Dashboards show and choose instances: a pod has a name that says more than its address.
        - {sourceLabels: [pod], targetLabel: instance}
        {{- with .job }}
        - {targetLabel: job, replacement: {{ . }}}
        {{- end }}
        {{- with .service }}
        - {targetLabel: service, replacement: {{ . }}}
        {{- end }}
        {{- with .essential }}
        - {targetLabel: essential, replacement: {{ . | quote }}}
        {{- end }}
{{- end -}}
