{{/*
A process is the gateway or a service: a Deployment, its Service and what goes with them. All are made here of
(root, name, process), where process is what stands in the values, over what all processes have.
*/}}

{{- define "profile-gateway.gateway" -}}
{{- $values := .Values -}}
{{- mustMergeOverwrite (deepCopy $values.processes) (deepCopy $values.gateway) (dict "port" 8000 "module" "bff") | toYaml -}}
{{- end -}}

{{/* Those services that this chart runs, by name. */}}
{{- define "profile-gateway.services" -}}
{{- $all := dict -}}
{{- range $name, $service := .Values.services -}}
{{- if $service.enabled -}}
{{- $_ := set $all $name (mustMergeOverwrite (deepCopy $.Values.processes) (deepCopy $service)) -}}
{{- end -}}
{{- end -}}
{{- toYaml $all -}}
{{- end -}}

{{/* Where metrics and probes are asked for: the gateway's own port for them, the only port of a service. */}}
{{- define "profile-gateway.operationsPort" -}}
{{ ternary "operations" "http" (hasKey .process "operationsPort") }}
{{- end -}}

{{- define "profile-gateway.env" -}}
{{- $tls := dig "tls" "existingSecret" "" .process -}}
- {name: HOST, value: 0.0.0.0}
- {name: PORT, value: {{ include "profile-gateway.text" .process.port | quote }}}
{{- with .process.operationsPort }}
- {name: OPS_HOST, value: 0.0.0.0}
- {name: OPS_PORT, value: {{ include "profile-gateway.text" . | quote }}}
{{- end }}
{{- if $tls }}
- {name: TLS_CERT_FILE, value: /run/tls/tls.crt}
- {name: TLS_KEY_FILE, value: /run/tls/tls.key}
{{- end }}
{{- if eq .name "api-gateway" }}
{{- include "profile-gateway.upstreams" .root }}
{{- end }}
{{- if eq (include "profile-gateway.hasRedis" .) "true" }}
{{- include "profile-gateway.redisEnv" .root }}
{{- end }}
{{- range $name, $value := .process.settings }}
- {name: {{ $name }}, value: {{ include "profile-gateway.text" $value | quote }}}
{{- end }}
{{- with .process.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Where the gateway finds each service. */}}
{{- define "profile-gateway.upstreams" -}}
{{- range $name, $service := .Values.services }}
{{- $port := include "profile-gateway.text" $service.port }}
{{- $own := printf "dns+http://%s:%s" (include "profile-gateway.host" (dict "root" $ "name" $name)) $port }}
- {name: {{ $name | upper | replace "-" "_" }}_URL, value: {{ ternary $own $service.url $service.enabled | quote }}}
{{- end }}
{{- end -}}

{{/* Seconds that a process which is being stopped has: asleep, draining, finishing, and some for the rest. */}}
{{- define "profile-gateway.terminationSeconds" -}}
{{- $drain := get .process.settings "SHUTDOWN_DRAIN_SECONDS" | default 0.25 | float64 -}}
{{- $grace := get .process.settings "SHUTDOWN_GRACE_SECONDS" | default 15 | float64 -}}
{{- addf (float64 .process.preStopSeconds) $drain $grace 5 | ceil | int64 -}}
{{- end -}}

{{- define "profile-gateway.deployment" -}}
{{- $tls := dig "tls" "existingSecret" "" .process -}}
{{- $probed := include "profile-gateway.operationsPort" . -}}
apiVersion: apps/v1
kind: Deployment
metadata: {{- include "profile-gateway.metadata" . | nindent 2 }}
spec:
  {{- if not .process.autoscaling.enabled }}
  replicas: {{ .process.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  # One that is up for a second and falls over is not ready; nobody is taken away before another has come.
  minReadySeconds: 2
  strategy:
    type: RollingUpdate
    rollingUpdate: {maxUnavailable: 0, maxSurge: 25%}
  selector:
    matchLabels: {{- include "profile-gateway.selector" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "profile-gateway.labels" . | nindent 8 }}
        {{- with .process.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with include "profile-gateway.podAnnotations" . }}
      annotations: {{- . | nindent 8 }}
      {{- end }}
    spec:
      serviceAccountName: {{ include "profile-gateway.serviceAccountName" .root }}
      {{- include "profile-gateway.podSecurity" . | nindent 6 }}
      {{- with .root.Values.image.pullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 8 }}
      {{- end }}
      terminationGracePeriodSeconds: {{ include "profile-gateway.terminationSeconds" . }}
      {{- include "profile-gateway.placement" (merge (dict "byRevision" true) .) | nindent 6 }}
      containers:
        - name: {{ .name }}
          image: {{ include "profile-gateway.image" .root | quote }}
          imagePullPolicy: {{ .root.Values.image.pullPolicy }}
          command: [python, -m, {{ .process.module }}]
          env: {{- include "profile-gateway.env" . | trim | nindent 12 }}
          {{- with .process.existingSecret }}
          envFrom:
            - secretRef: {name: {{ . }}}
          {{- end }}
          ports:
            - {name: http, containerPort: {{ .process.port }}}
            {{- with .process.operationsPort }}
            - {name: operations, containerPort: {{ . }}}
            {{- end }}
          startupProbe:
            httpGet: {path: /health/live, port: {{ $probed }}}
            periodSeconds: 1
            timeoutSeconds: 3
            failureThreshold: 60
          # A process whose event loop stands still is replaced, and soon: it would not use the time that others have to stop.
          livenessProbe:
            httpGet: {path: /health/live, port: {{ $probed }}}
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 3
            terminationGracePeriodSeconds: 10
          readinessProbe:
            httpGet: {path: /health/ready, port: {{ $probed }}}
            periodSeconds: 2
            timeoutSeconds: 2
            failureThreshold: 2
          {{- if .process.preStopSeconds }}
          lifecycle:
            preStop:
              sleep: {seconds: {{ .process.preStopSeconds }}}
          {{- end }}
          resources: {{- toYaml .process.resources | nindent 12 }}
          {{- include "profile-gateway.containerSecurity" . | nindent 10 }}
          volumeMounts:
            - {name: tmp, mountPath: /tmp}
            {{- if hasKey .process "operationsPort" | not }}
            - {name: data, mountPath: /app/.data}
            {{- end }}
            {{- if $tls }}
            - {name: tls, mountPath: /run/tls, readOnly: true}
            {{- end }}
            {{- with .process.extraVolumeMounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
      volumes:
        - {name: tmp, emptyDir: {medium: Memory, sizeLimit: 64Mi}}
        {{- if hasKey .process "operationsPort" | not }}
        # SQLite, where no DATABASE_URL says otherwise: each pod has a database of its own, for as long as it lives.
        - {name: data, emptyDir: {sizeLimit: 128Mi}}
        {{- end }}
        {{- if $tls }}
        - {name: tls, secret: {secretName: {{ $tls }}, defaultMode: 0440}}
        {{- end }}
        {{- with .process.extraVolumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
{{- end -}}

{{- define "profile-gateway.podAnnotations" -}}
{{- $redis := ternary .root.Values.redis.existingSecret "" (eq (include "profile-gateway.hasRedis" .) "true") -}}
{{- $secrets := dict "secret" .process.existingSecret "redis" $redis "tls" (dig "tls" "existingSecret" "" .process) -}}
{{- include "profile-gateway.checksums" (dict "root" .root "secrets" $secrets) }}
{{- with .process.podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "profile-gateway.service" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "profile-gateway.metadata" . | nindent 2 }}
  {{- with dig "service" "annotations" "" .process }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with .process.service }}
  type: {{ .type }}
  {{- else }}
  clusterIP: None
  {{- end }}
  selector: {{- include "profile-gateway.selector" . | nindent 4 }}
  ports:
    - name: http
      port: {{ dig "service" "port" .process.port .process }}
      targetPort: http
      appProtocol: {{ ternary "https" "http" (ne (dig "tls" "existingSecret" "" .process) "") }}
    {{- with .process.operationsPort }}
    {{- if eq (int .) (int $.process.service.port) }}
    {{- fail (printf "gateway.service.port and gateway.operationsPort are ports of one Service: both are %v." .) }}
    {{- end }}
    - {name: operations, port: {{ . }}, targetPort: operations, appProtocol: http}
    {{- end }}
{{- end -}}

{{- define "profile-gateway.autoscaler" -}}
{{- with .process.autoscaling -}}
{{- if gt (int .minReplicas) (int .maxReplicas) }}
{{- fail (printf "autoscaling of %s: minReplicas (%v) is more than maxReplicas (%v)." $.name .minReplicas .maxReplicas) }}
{{- end -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{- include "profile-gateway.metadata" $ | nindent 2 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ include "profile-gateway.fullname" $.root }}-{{ $.name }}}
  minReplicas: {{ .minReplicas }}
  maxReplicas: {{ .maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target: {type: Utilization, averageUtilization: {{ .targetCPUUtilizationPercentage }}}
  behavior:
    # Each pod that goes takes a warm memory with it.
    scaleDown:
      stabilizationWindowSeconds: 300
      policies:
        - {type: Percent, value: 25, periodSeconds: 60}
{{- end -}}
{{- end -}}

{{- define "profile-gateway.disruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{- include "profile-gateway.metadata" . | nindent 2 }}
spec:
  maxUnavailable: {{ .maxUnavailable }}
  # One that is sick already does not keep a node from being emptied.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- include "profile-gateway.selector" . | nindent 6 }}
{{- end -}}

{{/* All of it. */}}
{{- define "profile-gateway.process" -}}
{{ include "profile-gateway.deployment" . }}
---
{{ include "profile-gateway.service" . }}
{{- if .process.autoscaling.enabled }}
---
{{ include "profile-gateway.autoscaler" . }}
{{- end }}
{{- with .process.podDisruptionBudget }}
{{- if .enabled }}
---
{{ include "profile-gateway.disruptionBudget" (merge (dict "maxUnavailable" .maxUnavailable) $) }}
{{- end }}
{{- end }}
{{- end -}}
