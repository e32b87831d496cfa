#!/usr/bin/env bash
# The Python client: makes it, checks the example that uses it, and runs that.
#
#     clients/python/client.sh generate       clients/python/generated, of the gateway of this checkout
#     clients/python/client.sh check          mypy, strict
#     clients/python/client.sh start USER_ID  one profile of the gateway at GATEWAY_URL (http://127.0.0.1:8000)
#     clients/python/client.sh watch USER_ID  the same, part by part as it arrives
#
# Needs Python 3.11 or newer; packages are installed in .venv-clients.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
bin=../../.venv-clients/bin

case ${1:-} in
    generate)
        ../document.sh
        # An operation that could not be generated is an error, not a client without it.
        "$bin/openapi-python-client" generate --path ../openapi.json --config generator.yaml \
            --output-path generated --overwrite --meta uv --fail-on-warning
        ;;
    check) exec "$bin/mypy" ;;
    start) exec env PYTHONPATH=generated "$bin/python" show_profile.py "${@:2}" ;;
    watch) exec env PYTHONPATH=generated "$bin/python" watch_profile.py "${@:2}" ;;
    *)
        sed -n '4,7p' "${BASH_SOURCE[0]}" | sed 's/^# *//' >&2
        exit 2
        ;;
esac
