{{/* Whether a process is told of Redis: of one elsewhere only where it may connect to something there. */}}
{{- define "profile-gateway.hasRedis" -}}
{{- $reached := or (ne .root.Values.redis.mode "external") (not .root.Values.networkPolicy.enabled) (not (empty .process.egress)) -}}
{{- or (eq .name "api-gateway") $reached -}}
{{- end -}}

{{/* How a process is told of it. */}}
{{- define "profile-gateway.redisEnv" -}}
{{- $redis := .Values.redis -}}
{{- $of := dict "root" . "name" "redis" -}}
{{- $host := include "profile-gateway.host" $of -}}
{{- if and (has $redis.mode (list "single" "sentinel")) $redis.existingSecret }}
- name: REDIS_PASSWORD
  valueFrom: {secretKeyRef: {name: {{ $redis.existingSecret }}, key: REDIS_PASSWORD}}
{{- end }}
{{- $login := ternary ":$(REDIS_PASSWORD)@" "" (ne $redis.existingSecret "") }}
{{- if eq $redis.mode "single" }}
- {name: REDIS_URL, value: {{ printf "redis://%s%s:6379/0" $login $host | quote }}}
{{- else if eq $redis.mode "sentinel" }}
{{- $nodes := list }}
{{- range $n := until 3 }}
{{- $nodes = append $nodes (printf "%s-redis-%d.%s:26379" (include "profile-gateway.fullname" $) $n $host) }}
{{- end }}
{{- $query := ternary "?sentinel_password=$(REDIS_PASSWORD)" "" (ne $redis.existingSecret "") }}
- {name: REDIS_URL, value: {{ printf "redis+sentinel://%s%s/gateway/0%s" $login (join "," $nodes) $query | quote }}}
{{- else if eq $redis.mode "external" }}
{{- if $redis.existingSecret }}
- name: REDIS_URL
  valueFrom: {secretKeyRef: {name: {{ $redis.existingSecret }}, key: REDIS_URL}}
{{- else }}
- {name: REDIS_URL, value: {{ $redis.externalUrl | quote }}}
{{- end }}
{{- end }}
{{- end -}}

{{/* The password, for redis-cli and for the scripts. */}}
{{- define "profile-gateway.redisPassword" -}}
{{- with .Values.redis.existingSecret }}
- name: REDISCLI_AUTH
  valueFrom: {secretKeyRef: {name: {{ . }}, key: REDIS_PASSWORD}}
{{- end }}
{{- end -}}

{{/* Probes by redis-cli, of (port). */}}
{{- define "profile-gateway.redisProbes" -}}
startupProbe:
  exec: {command: [sh, -c, "redis-cli -p {{ .port }} ping | grep -q PONG"]}
  periodSeconds: 1
  timeoutSeconds: 3
  failureThreshold: 60
livenessProbe:
  exec: {command: [redis-cli, -p, {{ .port | quote }}, ping]}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  exec: {command: [sh, -c, "redis-cli -p {{ .port }} ping | grep -q PONG"]}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 2
{{- end -}}
