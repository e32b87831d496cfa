#!/usr/bin/env bash
# Writes the OpenAPI document of this checkout's gateway to clients/openapi.json, of which the clients are generated.
# No gateway needs to run; settings count as they do for one (ADMIN_TOKEN brings the routes that need it).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

requirements/venv.sh .venv-clients requirements/clients.lock
.venv-clients/bin/python -m bff --openapi >clients/openapi.json
