"""nginx in front of gunicorn: what is usually put there for TLS. And what every nginx here has in common."""

from __future__ import annotations

import os
import pwd
import shlex
from collections.abc import Sequence
from pathlib import Path

from benchmarks.certificate import Certificate
from benchmarks.client import HOST
from benchmarks.command import gunicorn
from benchmarks.environment import MissingTool, nginx_program
from benchmarks.server import Command, Place

# Its own settings, but for what would count against it here: connections that are closed after so many requests, and
# the access log.
_FRAME = """\
{user}worker_processes 1;
daemon off;
pid {directory}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    server_tokens off;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 75s;
    keepalive_requests 100000000;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
{blocks}}}
"""

# Gunicorn's sync worker keeps no connection, the other one does if it is asked to.
_BEFORE_GUNICORN = """\
    upstream application {{
        server unix:{socket};
        {keep}
    }}
    server {{
        listen {host}:{port} ssl backlog=2048;
        ssl_certificate {certificate.file};
        ssl_certificate_key {certificate.key};
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_session_cache shared:tls:10m;
        location / {{
            proxy_pass http://application;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Connection "{connection}";
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
"""


def framed(directory: Path, blocks: str, user: str | None) -> str:
    """A whole configuration around the blocks of ``http``; ``user``: whose the worker process is, if it can choose."""
    return _FRAME.format(user=f"user {user};\n" if user else "", directory=directory, blocks=blocks)


def argv(directory: Path, blocks: str) -> list[str]:
    """The command of an nginx that keeps its files in this directory.

    :raises MissingTool: if nginx is not installed.
    """
    nginx = nginx_program()
    if nginx is None:
        raise MissingTool("nginx is not installed (Debian: apt install nginx-light)")
    file = directory / "nginx.conf"
    file.write_text(framed(directory, blocks, None if os.geteuid() else pwd.getpwuid(0).pw_name))
    return [nginx, "-p", str(directory), "-e", "stderr", "-c", str(file)]


def tls(port: int, certificate: Certificate, socket: Path, keeps_connections: bool) -> str:
    """TLS on ``port``, everything handed on to ``socket``."""
    return _BEFORE_GUNICORN.format(
        socket=socket,
        keep="keepalive 64;" if keeps_connections else "",
        host=HOST,
        port=port,
        certificate=certificate,
        connection="" if keeps_connections else "close",
    )


def before_gunicorn(options: Sequence[str], keeps_connections: bool = False) -> Command:
    """Both in one process group, and so on one core: gunicorn with these options on a Unix socket, nginx on the port.

    :raises MissingTool: when called, if nginx is not installed.
    """

    def command(place: Place) -> list[str]:
        socket = place.scratch / "gunicorn.sock"
        front = argv(place.scratch, tls(place.port, place.certificate, socket, keeps_connections))
        back = gunicorn(*options, bind=lambda place: f"unix:{socket}")(place)
        return ["sh", "-c", f"{shlex.join(front)} & exec {shlex.join(back)}"]

    return command
