"""Balancers before the gateways: nginx, which passes on requests, and HAProxy, which passes on connections."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from benchmarks.chaos.hosts.network import Host
from benchmarks.common.process import Process, installed

PORTS: Final[Mapping[str, int]] = MappingProxyType({"nginx": 8080, "haproxy": 8081})
_PACKAGES: Final[Mapping[str, str]] = MappingProxyType({"nginx": "nginx-light", "haproxy": "haproxy"})

_NGINX: Final = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/answers;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream gateways {{
{servers}
        keepalive 32;
        # Shorter than the 75 s of the gateway, so that no request is sent on a connection that it is closing.
        keepalive_timeout 60s;
    }}
    server {{
        listen {address}:{port};
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://gateways;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_connect_timeout 1s;
            proxy_next_upstream error timeout;
        }}
    }}
}}
"""
_HAPROXY: Final = """
global
    nbthread 1
defaults
    mode tcp
    timeout client 60s
    timeout server 60s
    timeout connect 1s
frontend edge
    bind {address}:{port}
    bind 127.0.0.1:{port}
    default_backend gateways
backend gateways
    balance roundrobin
    option httpchk GET /health/ready
    http-check expect status 200
{servers}
"""


def balancer(name: str, host: Host, gateways: Sequence[str], folder: Path) -> Process:
    """``nginx`` or ``haproxy`` on ``host``, which has not been started, before these addresses (``host:port``).

    Raises:
        CannotRun: there is no such program.
    """
    program = installed(name, _PACKAGES[name])
    file, port = folder / f"{name}.conf", PORTS[name]
    form, line, command = {
        "nginx": (_NGINX, "        server {1};", (program, "-p", str(folder), "-e", "stderr", "-c", str(file))),
        "haproxy": (_HAPROXY, "    server gateway{0} {1} check inter 1s", (program, "-db", "-f", str(file))),
    }[name]
    servers = "\n".join(line.format(number, address) for number, address in enumerate(gateways, 1))
    file.write_text(form.format(folder=folder, address=host.address, port=port, servers=servers))
    return Process(name, command, {}, port, folder, place=host)
