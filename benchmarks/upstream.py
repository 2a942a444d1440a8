"""nginx where it is what a proxy is put before, and where it is the proxy itself."""

from __future__ import annotations

from benchmarks import nginx
from benchmarks.client import HOST
from benchmarks.project import static_content
from benchmarks.server import Place

HELLO = b"Hello, upstream!"
FILE = static_content(1 << 16)

_UPSTREAM = """\
    server {{
        listen {host}:{port} backlog=2048;
        default_type text/plain;
        root {files};
        location = /hello {{ return 200 "{hello}"; }}
    }}
"""

_PROXY = """\
    upstream application {{
        server {host}:{upstream};
        keepalive 64;
        keepalive_requests 100000000;
    }}
    server {{
        listen {host}:{port} backlog=2048;
        location / {{
            proxy_pass http://application;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Connection "";
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
        }}
    }}
"""


def upstream(place: Place) -> list[str]:
    """A command that serves :data:`HELLO` at ``/hello`` and :data:`FILE` at ``/file`` on the port of the upstream.

    :raises MissingTool: if nginx is not installed.
    """
    files = place.behind / "files"
    files.mkdir(parents=True, exist_ok=True)
    (files / "file").write_bytes(FILE)
    blocks = _UPSTREAM.format(host=HOST, port=place.upstream, files=files, hello=HELLO.decode())
    return nginx.argv(place.behind, blocks)


def proxy(place: Place) -> list[str]:
    """A command that hands everything on to that port, with kept connections.

    :raises MissingTool: if nginx is not installed.
    """
    return nginx.argv(place.scratch, _PROXY.format(host=HOST, port=place.port, upstream=place.upstream))
