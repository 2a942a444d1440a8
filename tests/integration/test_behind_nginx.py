"""Behind nginx, with the configuration that the documentation gives."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from websockets.sync.client import unix_connect
from websockets.typing import Origin

from tests.case import UnitTestCase
from tests.integration.peers import program
from tests.integration.server import serve, wait_until
from tests.unit.child import ROOT

_SITE = "tests.integration.async_site"
_AROUND = """\
daemon off;
master_process off;
pid {directory}/nginx.pid;
events {{ worker_connections 64; }}
http {{
access_log off;
client_body_temp_path {directory}/body;
proxy_temp_path {directory}/proxy;
fastcgi_temp_path {directory}/fastcgi;
uwsgi_temp_path {directory}/uwsgi;
scgi_temp_path {directory}/scgi;
{documented}
}}
"""


def documented() -> str:
    """What `docs/deploying.md` has for nginx."""
    page = (ROOT / "docs" / "deploying.md").read_text()
    [found] = re.findall(r"```nginx\n(.*?)```", page, re.DOTALL)
    return str(found)


class BehindNginxTests(UnitTestCase):
    def setUp(self) -> None:
        self.server = serve(
            self,
            *("--django-settings", _SITE, "--trusted", "127.0.0.1"),
            project=None,
            environ={"DUCK_GATEWAY__ASGI_PATHS": '["/async/"]'},
        )
        directory = Path(mkdtemp(prefix="duck-nginx-"))
        self.addCleanup(rmtree, directory, ignore_errors=True)
        self.socket = directory / "nginx.sock"
        # Two ports, and a certificate, are all that differs.
        text = documented().replace("127.0.0.1:8000", f"127.0.0.1:{self.server.port}")
        text = text.replace("listen 443 ssl;", f"listen unix:{self.socket};").replace("www.example.com", "localhost")
        text = text.replace("listen 80;", f"listen unix:{directory}/plain.sock;")
        text = re.sub(r"(?m)^ +ssl_certificate.*$", "", text)
        file = directory / "nginx.conf"
        file.write_text(_AROUND.format(directory=directory, documented=text))
        command = [program("nginx"), "-p", str(directory), "-e", "stderr", "-c", str(file)]
        nginx = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert nginx.stderr is not None
        self.addCleanup(nginx.stderr.close)
        self.addCleanup(nginx.wait)
        self.addCleanup(nginx.kill)
        # This file comes when it listens.
        pid = directory / "nginx.pid"
        wait_until(lambda: pid.exists() or nginx.poll() is not None, 20, "nginx listens")
        self.assertIsNone(nginx.poll(), nginx.poll() and nginx.stderr.read())

    def test_websockets_and_pages_come_through(self) -> None:
        socket, origin = str(self.socket), Origin("http://localhost")
        with unix_connect(socket, "ws://localhost/echo", origin=origin, open_timeout=20) as client:
            client.send("quack")
            self.assertEqual(client.recv(20), "quack")
        urls = ["http://localhost/", "http://localhost/async/kind"]
        command = ["curl", "-sS", "-m", "20", "--unix-socket", socket, *urls]
        pages = subprocess.run(command, capture_output=True, text=True, check=True)
        self.assertEqual(pages.stdout, "WSGIRequestASGIRequest")
