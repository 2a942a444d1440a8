"""nginx and haproxy as reverse proxies before the same server, for tests that look where we differ."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

__all__ = ["program", "start_haproxy", "start_nginx"]

_NGINX = """\
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log stderr crit;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen unix:{socket};
        location / {{
            proxy_pass http://127.0.0.1:{upstream};
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_request_buffering off;
            proxy_next_upstream off;
            proxy_connect_timeout 2s;
            proxy_read_timeout 2s;
        }}
    }}
}}
"""

_HAPROXY = """\
defaults
    mode http
    timeout connect 2s
    timeout client 10s
    timeout server 2s
    retries 0
listen all
    bind unix@{socket}
    server one 127.0.0.1:{upstream}
"""


def program(name: str) -> str:
    """The path of a program; Debian has these where only root looks."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    if found is None:
        raise AssertionError(f"{name} is not installed (see .ci/run)")
    return found


def start_nginx(directory: Path, socket: Path, upstream: int) -> subprocess.Popen[bytes]:
    """An nginx that forwards what comes on a Unix socket to a port."""
    file = directory / "nginx.conf"
    file.write_text(_NGINX.format(directory=directory, socket=socket, upstream=upstream))
    command = [program("nginx"), "-p", str(directory), "-e", "stderr", "-c", str(file)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def start_haproxy(directory: Path, socket: Path, upstream: int) -> subprocess.Popen[bytes]:
    """A haproxy that does the same."""
    file = directory / "haproxy.cfg"
    file.write_text(_HAPROXY.format(socket=socket, upstream=upstream))
    command = [program("haproxy"), "-db", "-q", "-f", str(file)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
