"""Micro apps in real processes: alone, beside Django, mounted, over TLS, in workers, and through restarts and stops."""

from __future__ import annotations

import http.client
import json
import random
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.authority import trusting
from tests.case import UnitTestCase
from tests.integration.clients import KINDS
from tests.integration.example import EXAMPLE
from tests.integration.https_server import LOCAL
from tests.integration.load import Load
from tests.integration.restart_case import restart
from tests.integration.server import CHECKOUT, Answer, Server

_TWISTD = "import sys; from twisted.scripts.twistd import run; sys.argv[0] = 'twistd'; run()"

_CLASSES = """
import asyncio, os
from duck_tx import App, MicroApp
from tests.integration.gated import application

class Hello(MicroApp):
    def view(self, request):
        if request.path_info == "/boom":
            raise LookupError("boom")
        return {"word": "first", "pid": os.getpid(), "path": request.path, "secure": request.is_secure()}

class Later(MicroApp):
    async def async_view(self, request):
        from django.http import StreamingHttpResponse
        from twisted.internet import reactor
        from twisted.internet.task import deferLater
        async def ticks():
            for number in range(3):
                yield f"{number},"
                await deferLater(reactor, 0.01)
        if request.path_info == "/boom":
            raise LookupError("boom")
        if request.path_info == "/ticks":
            return StreamingHttpResponse(ticks())
        return {"body": request.body.decode(), "pid": os.getpid()}

async def asgi(scope, receive, send):
    assert scope["type"] == "http", scope["type"]
    await asyncio.sleep(0.01)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": (scope["root_path"] + " " + scope["path"]).encode()})
"""

_SEVERAL = """
if __name__ == "__main__":
    app = App({app})
    Hello(port=0, parent_app=app)
    Later(port=0, parent_app=app)
    Hello(prefix="/hello", parent_app=app)
    Later(host="later.localhost", parent_app=app)
    MicroApp(asgi=asgi, prefix="/asgi", parent_app=app)
    app.run()
"""


class _Case(UnitTestCase):
    def begin(
        self, text: str, *launch: str, name: str = "site.py", environ: Mapping[str, str | None] | None = None
    ) -> Server:
        """A program that is ready: :data:`_CLASSES`, and ``text`` behind that."""
        server = Server(
            launch=[*launch, name],
            project=None,
            files={name: _CLASSES + text},
            environ=environ,
        )
        self.addCleanup(server.close)
        return server.start()

    def several(self, *, app: str = "", **environ: str) -> Server:
        """Django, and five micro apps beside it."""
        return self.begin(_SEVERAL.format(app=app), environ={"DUCK_GATEWAY__PROJECT": str(EXAMPLE)} | environ)

    def port_of(self, server: Server, name: str) -> int:
        """The port that a micro app has for itself."""
        ports = re.findall(rf"micro app {name} at https?://localhost:(\d+)", server.log)
        return next(int(port) for port in ports if int(port) != server.port)

    def at(self, server: Server, name: str, path: str) -> Answer:
        """What a micro app answers at its own port."""
        other = Server.__new__(type(server))
        other.__dict__ |= server.__dict__ | {"port": self.port_of(server, name)}
        return other.get(path)

    def ends_clean(self, server: Server, number: signal.Signals = signal.SIGINT) -> None:
        status = server.stop(number)
        self.assertIn(status, (-number, 128 + number), server.log)
        self.assertEqual(server.left_behind(), [])


class AloneTests(_Case):
    def test_a_program_that_is_one_answers_and_leaves_nothing(self) -> None:
        server = self.begin("if __name__ == '__main__': Hello(port=0).run()")
        self.assertEqual(server.get("/x").json()["path"], "/x")
        failed = server.get("/boom")
        self.assertEqual((failed.status, "LookupError" in failed.text), (500, False))
        self.assertEqual(server.get("/y").status, 200)
        self.assertEqual(len(server.lines("builtins.LookupError: boom")), 1)
        self.assertIn("ready: Hello at ", server.log)
        self.ends_clean(server)

    def test_a_tac_file_does_as_well_and_over_tls(self) -> None:
        server = self.begin(
            "from twisted.application.service import Application\n"
            "application = Application('hello')\n"
            "Hello(port=0, enable_https=True).service.setServiceParent(application)\n",
            "-c", _TWISTD, "-ny", name="site.tac", environ={"DUCK_SERVER__DEBUG": "1"},
        )  # fmt: skip
        authority = server.state / "micro-0" / "development" / "ca.pem"
        command = ["curl", "--silent", "--max-time", "10", "--cacert", str(authority)]
        done = subprocess.run([*command, f"{server.uri}/x"], capture_output=True, timeout=20, check=True)
        self.assertTrue(json.loads(done.stdout)["secure"])
        done = subprocess.run([*command, f"{server.uri}/boom"], capture_output=True, timeout=20, check=True)
        self.assertIn(b"LookupError", done.stdout)
        self.ends_clean(server, signal.SIGTERM)

    def test_with_worker_processes(self) -> None:
        server = self.begin("if __name__ == '__main__': Hello(port=0, workers=1, force_worker_processes=True).run()")
        self.assertIn("(1 worker, 10 threads, ", server.log)
        answer = server.get("/x").json()
        self.assertEqual((answer["path"], answer["pid"] == server.pid), ("/x", False))
        self.ends_clean(server)


class InAnAppTests(_Case):
    def look(self, server: Server) -> set[int]:
        """Ask everything there is once; the processes that answered."""
        own = self.at(server, "Hello", "/x").json()
        self.assertEqual(own["path"], "/x")
        later = self.at(server, "Later", "/x").json()
        self.assertEqual(self.at(server, "Later", "/ticks").text, "0,1,2,")
        mounted = server.get("/hello/x").json()
        self.assertEqual(mounted["path"], "/hello/x")
        at_host = server.get("/x", {"Host": f"later.localhost:{server.port}"})
        self.assertEqual(server.get("/asgi/x").text.split()[0], "/asgi")
        self.assertEqual(server.get("/hello").status, 200)
        self.assertEqual(server.get("/").status, 404)
        return {each["pid"] for each in (own, later, mounted, at_host.json())}

    def test_each_answers_at_its_place_and_an_error_in_one_touches_no_other(self) -> None:
        server = self.several()
        self.assertEqual(self.look(server), {server.pid})
        for name in ("Hello", "Later"):
            self.assertEqual(self.at(server, name, "/boom").status, 500)
        self.assertEqual(server.get("/hello/boom").status, 500)
        self.look(server)
        self.assertEqual(len(server.lines("builtins.LookupError: boom")), 3)
        command = [sys.executable, "-m", "duck_tx.cli", "status", "--json", "--state-dir", str(server.state)]
        done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, timeout=30, check=True)
        found = json.loads(done.stdout)["microapps"]
        self.assertEqual([each["up"] for each in found], [True] * 5)
        self.assertEqual(found[2], {"name": "Hello", "url": f"{server.uri}/hello", "up": True})
        self.ends_clean(server)

    def test_worker_processes_serve_them_too_and_a_restart_has_the_new_code(self) -> None:
        server = self.several(app="workers=1, force_worker_processes=True", DUCK_AUTOMATIONS__ENABLED="0")
        self.assertNotIn(server.pid, self.look(server))
        program = server.directory / "site.py"
        program.write_text(program.read_text().replace("first", "second"))
        server.send_signal(signal.SIGHUP)
        server.wait_for("restarted: the workers serve the new code")
        self.assertEqual(self.at(server, "Hello", "/x").json()["word"], "second")
        self.ends_clean(server)

    def test_with_the_certificate_of_the_app(self) -> None:
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        LOCAL.write(folder)
        server = self.begin(
            "if __name__ == '__main__':\n"
            "    app = App()\n"
            "    Hello(port=0, parent_app=app, enable_https=True)\n"
            "    app.run()\n",
            environ={
                "DUCK_GATEWAY__ENABLED": "0",
                "DUCK_HTTPS__ENABLED": "0",
                "DUCK_HTTPS__CERTFILE": str(folder / "cert.pem"),
                "DUCK_HTTPS__PRIVATE_KEY": str(folder / "key.pem"),
            },
        )
        self.assertTrue(server.uri.startswith("http://"))
        port = self.port_of(server, "Hello")
        client = http.client.HTTPSConnection("localhost", port, timeout=10, context=trusting())
        client.request("GET", "/x")
        self.assertTrue(json.loads(client.getresponse().read())["secure"])
        client.close()
        self.ends_clean(server)


class UnderLoadTests(_Case):
    def gated(self, *, app: str = "") -> Server:
        return self.begin(
            "if __name__ == '__main__':\n"
            f"    app = App({app})\n"
            "    MicroApp(port=0, parent_app=app, wsgi=application, workers=16)\n"
            "    app.run()\n",
            environ={"DUCK_GATEWAY__ENABLED": "0", "DUCK_AUTOMATIONS__ENABLED": "0"},
        )

    def stop_under(self, server: Server, load: Load) -> None:
        load.wait_for(load.answered.total() + 100)
        load.stop_begins()
        server.send_signal(signal.SIGINT)

    def looked_at(self, server: Server, load: Load) -> None:
        self.assertEqual(load.lost, [], server.log)
        self.assertEqual(len(load.answered), len(KINDS))
        self.assertIn(server.exit(), (-signal.SIGINT, 128 + signal.SIGINT))
        self.assertEqual(server.left_behind(), [])

    def test_a_restart_and_a_stop_lose_no_request(self) -> None:
        server = self.gated()
        with Load(self.port_of(server, "MicroApp"), chance=random.Random(6)) as load:
            load.wait_for(50)
            restart(server)
            self.stop_under(server, load)
        self.looked_at(server, load)

    def test_nor_does_a_stop_of_worker_processes(self) -> None:
        server = self.gated(app="workers=1, force_worker_processes=True")
        with Load(self.port_of(server, "MicroApp"), chance=random.Random(6)) as load:
            self.stop_under(server, load)
        self.looked_at(server, load)
