#!/usr/bin/env bash
# Health check of a container: exit status 0 when the app says that it can take traffic, on OPS_PORT where it has one:
# on PORT it may speak TLS.
# It runs every few seconds in every container; a Python start would cost twenty times as much CPU.
exec 3<>"/dev/tcp/127.0.0.1/${OPS_PORT:-${PORT:-8000}}" || exit 1
printf 'GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
read -r -t 3 _ status _ <&3
[ "$status" = 200 ]
