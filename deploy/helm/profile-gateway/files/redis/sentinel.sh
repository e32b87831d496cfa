# Watches the three; two of them decide. It rewrites its configuration, so that stands where it may.
set -eu
. /scripts/master.sh
# It does not start with a name that nobody knows, and another may be master by the time that this one is known.
until getent hosts "$master" >/dev/null; do
    sleep 1
    . /scripts/master.sh
done
login=
[ -z "${REDISCLI_AUTH:-}" ] || login="requirepass $REDISCLI_AUTH
sentinel sentinel-pass $REDISCLI_AUTH
sentinel auth-pass gateway $REDISCLI_AUTH"
cat >/data/sentinel.conf <<END
port 26379
protected-mode no
dir /data
# The same one each time: every id that was ever seen has a vote in the next fail-over.
sentinel myid $(printf '%s' "$self" | sha1sum | cut -c 1-40)
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel announce-ip $self
sentinel announce-port 26379
sentinel monitor gateway $master 6379 2
sentinel down-after-milliseconds gateway 3000
sentinel failover-timeout gateway 5000
sentinel parallel-syncs gateway 2
$login
END
exec redis-server /data/sentinel.conf --sentinel
