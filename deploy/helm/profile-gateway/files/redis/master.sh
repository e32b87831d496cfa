# Sets self, the name of this pod, and master: whom the others' Sentinels name; the first pod, where nobody does.
service={{ include "profile-gateway.host" (dict "root" . "name" "redis") }}
set_name={{ include "profile-gateway.fullname" . }}-redis
self=$(hostname).$service
master=$set_name-0.$service
for number in 0 1 2; do
    other=$set_name-$number.$service
    [ "$other" != "$self" ] || continue
    named=$(timeout 2 redis-cli -h "$other" -p 26379 sentinel get-master-addr-by-name gateway 2>/dev/null | head -n 1) || true
    case $named in
        "$set_name"-*) master=$named && break ;;
    esac
done
