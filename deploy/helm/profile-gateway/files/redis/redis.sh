# A cache: bounded, least recently used goes first, never written to disk. The password comes on standard input, so that
# no process list shows it.
set -eu
{{- if eq .Values.redis.mode "sentinel" }}
. /scripts/master.sh
set -- --replica-announce-ip "$self" --replica-announce-port 6379 --repl-diskless-load swapdb
[ "$master" = "$self" ] || set -- "$@" --replicaof "$master" 6379
{{- end }}
login=
[ -z "${REDISCLI_AUTH:-}" ] || login="requirepass $REDISCLI_AUTH
masterauth $REDISCLI_AUTH"
exec redis-server --protected-mode no --save "" --appendonly no --dir /data --repl-diskless-sync yes \
    --maxmemory {{ include "profile-gateway.text" .Values.redis.maxMemoryMB }}mb --maxmemory-policy allkeys-lru "$@" - <<END
$login
END
