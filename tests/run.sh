#!/usr/bin/env bash
# Runs the tests in an environment of their own (.venv-test), made when needed. Further arguments go to pytest:
#
#     tests/run.sh                     everything that this machine has the tools for
#     tests/run.sh tests/unit -k cache a part of it
#     tests/run.sh -n 0                one after another; -n 4: side by side in four processes
#
# Needs Python 3.11 or newer. Tests that need promtool, Prometheus, Alertmanager, PostgreSQL, libfaketime, wrk, Chromium,
# npm, nginx, HAProxy, systemd, helm or kube-score are left out, and named, where those are not installed; REQUIRE_ALL=1 keeps them,
# so that a missing tool fails. What requirements/kubernetes.sh has put into .tools is found there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

requirements/venv.sh .venv-test requirements/test.lock

[[ ! -d .tools ]] || export PATH=$PWD/.tools:$PATH

left_out=()
leave_out() { # leave_out MARKER WHAT_IS_MISSING DEBIAN_PACKAGES
    left_out+=("$1")
    printf 'Left out: tests marked %s (no %s; Debian: apt install %s).\n' "$1" "$2" "$3"
}

if [[ -z ${REQUIRE_ALL:-} ]]; then
    command -v promtool >/dev/null || leave_out promtool promtool prometheus
    for program in prometheus prometheus-node-exporter prometheus-redis-exporter; do
        command -v "$program" >/dev/null || {
            leave_out prometheus "$program" "prometheus prometheus-node-exporter prometheus-redis-exporter"
            break
        }
    done
    for program in prometheus-alertmanager amtool; do
        command -v "$program" >/dev/null || {
            leave_out alertmanager "$program" prometheus-alertmanager
            break
        }
    done
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || leave_out postgres "PostgreSQL server" postgresql
    compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null || leave_out faketime libfaketime libfaketime
    command -v wrk >/dev/null || leave_out wrk wrk wrk
    command -v chromium >/dev/null || leave_out chromium Chromium chromium
    command -v npm >/dev/null || leave_out node npm "nodejs npm"
    PATH=$PATH:/usr/sbin command -v nginx >/dev/null || leave_out nginx nginx nginx-light
    PATH=$PATH:/usr/sbin command -v haproxy >/dev/null || leave_out haproxy HAProxy haproxy
    command -v systemd-analyze >/dev/null || leave_out systemd systemd-analyze systemd
    for program in helm kube-score; do
        command -v "$program" >/dev/null || {
            left_out+=("${program/-/_}")
            printf 'Left out: tests marked %s (no %s; requirements/kubernetes.sh .tools).\n' "${program/-/_}" "$program"
        }
    done
fi

selection=()
for marker in "${left_out[@]+"${left_out[@]}"}"; do
    selection+=("${selection:+and }not $marker")
done
# What is compiled once is compiled for all processes; hooks into the allocator find faults of C alone, at a tenth of the time.
unset PYTHONDONTWRITEBYTECODE
export PYTHONMALLOC=default
exec .venv-test/bin/python -X dev -m pytest -n auto ${selection:+-m "${selection[*]}"} "$@"
