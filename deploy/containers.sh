# shellcheck shell=bash disable=SC2034,SC2154
# The containers' half of start_with_monitoring.sh, which reads it in; every variable asked for is set there.

compose=() docker_reason='' chosen_profiles=''

docker_answers() { # or says in docker_reason why not
    local said
    if ! command -v docker >/dev/null 2>&1; then
        docker_reason='Docker is not installed.'
    elif ! said=$(docker info 2>&1 >/dev/null); then
        docker_reason="No Docker engine answers: $(tail -n 1 <<<"${said:-it says nothing}")."
    elif docker compose version >/dev/null 2>&1; then
        compose=(docker compose)
    elif docker-compose version >/dev/null 2>&1; then
        compose=(docker-compose)
    else
        docker_reason='Docker answers, but neither "docker compose" nor docker-compose is installed.'
    fi
    ((${#compose[@]}))
}

choose_profiles() { # for every command; that of --demo is among them, so that whatever ends the rest ends it too
    local kept=''
    [[ ! -r .env ]] ||
        kept=$(sed -nE 's/^(export )?COMPOSE_PROFILES=([^#]*).*/\2/p' .env | tail -n 1 | tr -d "\"' \r")
    chosen_profiles=${COMPOSE_PROFILES-$kept}
    [[ -z ${COMPOSE_PROFILES:-} ]] || script="COMPOSE_PROFILES=$(printf '%q' "$COMPOSE_PROFILES") $script"
    export COMPOSE_PROFILES=${chosen_profiles:+$chosen_profiles,}demo
}

bring_up() {
    local profiles=$chosen_profiles
    [[ -z $demo ]] || profiles=$COMPOSE_PROFILES
    COMPOSE_PROFILES=$profiles "${compose[@]}" up --build --detach
}

containers() { # ids, ended ones too
    "${compose[@]}" ps --all --quiet 2>/dev/null
}

states() { # one line a container: service|state|health|restarts|addresses; none of one that has done its work
    local ids
    ids=$(containers)
    # shellcheck disable=SC2086 # ids are words
    [[ -z $ids ]] || docker inspect --format '{{index .Config.Labels "com.docker.compose.service"}}|{{.State.Status
        }}{{if eq .HostConfig.RestartPolicy.Name "no"}} {{.State.ExitCode}}{{end
        }}|{{if .State.Health}}{{.State.Health.Status}}{{end}}|{{.RestartCount}}|{{range .NetworkSettings.Ports
        }}{{range .}}{{.HostIp}}:{{.HostPort}} {{end}}{{end}}' $ids |
        sed '/^[^|]*|exited 0|/d; s/^\([^|]*|[a-z]*\) [0-9]*|/\1|/' | sort -t '|' -k 1,1
}

is_running() {
    [[ $(states) =~ \|(running|restarting)\| ]]
}

describe() { # describe STATE HEALTH: one word for both
    case $1/$2 in
        running/ | running/healthy) printf 'healthy' ;;
        running/*) printf '%s' "$2" ;;
        *) printf '%s' "$1" ;;
    esac
}

published_ports() {
    "${compose[@]}" config 2>/dev/null |
        sed -nE 's/.*published: "?([0-9]+).*/\1/p; s/^ *- ([0-9.]+:)?([0-9]+):[0-9]+(\/tcp)?$/\2/p' | sort -un
}

check_ports() {
    local port taken=()
    for port in $(published_ports); do
        ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || taken+=("Port $port is in use, and a container needs it.")
    done
    ((${#taken[@]} == 0)) || fail "${taken[@]}" "End what listens there first; sudo ss -ltnp tells what it is."
}

clear_line() {
    [[ ! -t 1 ]] || printf '\r\033[K'
}

wait_for_health() { # wait_for_health [SERVICE]: 1 when one gives up or time is up, and $waiting says which
    local started=$SECONDS known=' ' service state health restarts now broken
    while :; do
        waiting='' broken=''
        while IFS='|' read -r service state health restarts _; do
            [[ -z ${1:-} || $service == "$1" ]] || continue
            now=$(describe "$state" "$health")
            if [[ $now != healthy ]]; then
                waiting+="$service "
                [[ $now != exited && $now != dead ]] && ((restarts < 3)) || broken=yes
            elif [[ $known != *" $service "* ]]; then
                known+="$service "
                clear_line
                printf '  %-16s healthy after %d s\n' "$service" $((SECONDS - started))
            fi
        done < <(states)
        [[ -n $waiting ]] || break
        if [[ -n $broken ]] || ((SECONDS - started > ${timeout:-300})); then
            clear_line
            return 1
        fi
        [[ ! -t 1 ]] || printf '\r\033[K  waiting for %s(%d s)' "$waiting" $((SECONDS - started))
        sleep 1
    done
    clear_line
}

address() { # address SERVICE: where it is published
    states | sed -n "s/^$1|.*|\([^ |]*\) .*/\1/p"
}

get() { # get ADDRESS PATH, without needing curl
    (
        exec 3<>"/dev/tcp/${1%:*}/${1##*:}"
        printf 'GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$2" "$1" >&3
        cat <&3
    ) 2>/dev/null
}

send_traffic() { # a little longer than Prometheus' scrape interval, so that it sees counters rise
    local gateway users user limit=$((SECONDS + 6))
    gateway=$(address api-gateway)
    users="user123 user456 $(get "$(address user-service)" '/users?limit=10' |
        grep -o '"id": *"[^"]*"' | cut -d '"' -f 4 | tr '\n' ' ' || true)"
    printf 'Sending a little traffic for 6 s …\n'
    while ((SECONDS < limit)); do
        for user in $users; do
            get "$gateway" "/api/profile/$user" >/dev/null || true
            sleep 0.1
        done
    done
}

show_table() { # 0 when all is healthy
    local service state health addresses now all=0
    printf '\n%-16s  %-24s  %s\n' component URL state
    while IFS='|' read -r service state health _ addresses; do
        now=$(describe "$state" "$health")
        [[ $now == healthy ]] || all=1
        printf '%-16s  %-24s  %s\n' "$service" "${addresses:+http://${addresses%% *}}" "$now"
    done < <(states)
    return "$all"
}

show_hints() {
    local gateway
    gateway=http://$(address api-gateway)
    cat <<END

Try:
  curl -i $gateway/api/profile/user123
  curl $gateway/health
  curl $gateway/api/cache/stats
Grafana: http://$(address grafana), user ${GRAFANA_ADMIN_USER:-admin}, password as set (admin123 where it is not).

Watch it do without one:  $script --stop user-service
${demo:+Send no more traffic:     $script --stop demo
}What runs:                $script --status
What one writes:          ${compose[*]} logs --follow api-gateway   (in the checkout)
End it:                   $script --stop
END
}

end_containers() {
    trap '' INT TERM HUP
    # shellcheck disable=SC2046 # ids are words
    kill $(jobs -p) 2>/dev/null || true
    printf '\nEnding …\n'
    "${compose[@]}" down
    exit "$1"
}

start_containers() {
    local was_running=''
    ! is_running || was_running=yes
    if [[ -z $was_running ]]; then
        [[ -z $clean ]] || "${compose[@]}" down --volumes
        check_ports
        trap 'end_containers 130' INT
        trap 'end_containers 143' TERM HUP
    elif [[ -n $clean ]]; then
        fail "It is running: end it first, with $script --stop"
    fi
    if ! bring_up || ! wait_for_health; then
        show_logs
        [[ -n $was_running ]] || end_containers 1
        exit 1
    fi
    if [[ -n $was_running ]]; then
        printf 'It was running already.\n'
    elif [[ -z $demo ]]; then
        send_traffic
    fi
    show_table
    show_hints
    if [[ -z $detach$was_running ]]; then
        printf '\nIt runs until you press Ctrl-C. What it writes:\n\n'
        # Beside this shell, because a signal sent to it alone would be put off until the program it runs ends.
        "${compose[@]}" logs --follow --tail=0 &
        wait $! || true
        end_containers 0
    fi
}

show_logs() { # of what is not healthy; of what starts for the first time only where that is all
    local service state health all unwell
    all=$(states)
    unwell=$(grep -v '|running|\(healthy|\|starting|0|\||\)' <<<"$all" | grep -v '|created|' || true)
    [[ -n $unwell ]] || unwell=$(grep '|starting|' <<<"$all" || true)
    while IFS='|' read -r service state health _; do
        [[ -n $service ]] || continue
        printf '\n%s is not healthy: %s %s. The end of its log:\n' "$service" "$state" "$health"
        "${compose[@]}" logs --tail=15 "$service" || true
    done <<<"$unwell"
}

run_docker() {
    choose_profiles
    case $action/$component in
        start/) start_containers ;;
        stop/)
            if [[ -n $(containers) ]]; then
                "${compose[@]}" down
                printf 'All has ended. Data is kept.\n'
            else
                printf 'Nothing is running.\n'
            fi
            ;;
        status/)
            if [[ -z $(containers) ]]; then
                printf 'Nothing is running.\n'
                exit 3
            fi
            show_table || exit 1
            ;;
        stop/*)
            "${compose[@]}" stop "$component"
            printf '%s is stopped. Start it again: %s --start %s\n' "$component" "$script" "$component"
            ;;
        start/*)
            [[ $'\n'$(states) == *$'\n'"$component|"* ]] ||
                fail "$component was not started with the rest." \
                    "demo needs a start with --demo, alertmanager one with COMPOSE_PROFILES=alerting." \
                    "Before it, end all: $script --stop"
            "${compose[@]}" start "$component"
            wait_for_health "$component" || { show_logs && exit 1; }
            ;;
    esac
}
