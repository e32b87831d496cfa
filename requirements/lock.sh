#!/usr/bin/env bash
# Writes the lock files anew from setup.cfg: exact versions, hashes, every supported Python.
# Needs uv (pip install uv). Run it after a change of dependencies; commit what it writes.
set -euo pipefail
cd "$(dirname "$0")/.."

lock() { # lock FILE [--extra NAME]...
    local file=$1
    shift
    uv pip compile setup.cfg "$@" --universal --python-version 3.11 --generate-hashes \
        --no-header --no-annotate --quiet --output-file "requirements/$file" "${upgrade[@]}"
    echo "requirements/$file"
}

upgrade=("$@") # for example --upgrade, or --upgrade-package sanic

lock runtime.lock
lock local.lock --extra local
lock redis-server.lock --extra local --extra redis-server
lock test.lock --extra local --extra redis-server --extra otel --extra dashboards \
    --extra benchmark --extra test --extra lint
lock clients.lock --extra clients
