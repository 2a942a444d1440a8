"""A server between its start and its stop: what it tells, what it writes, what signals do to it."""

from __future__ import annotations

import json
import re
import signal
from functools import partial
from pathlib import Path
from stat import S_IMODE

from duck_tx import __version__
from tests.case import UnitTestCase
from tests.integration.server import LAUNCHERS, Server, serve, wait_until

_TWISTD = LAUNCHERS["twistd"][1]

_GATED = "tests.integration.gated:application"


class MetadataTests(UnitTestCase):
    def test_meta_json_says_who_serves_what_and_goes_with_the_server(self) -> None:
        server = serve(self, "--threads", "3", "--domain", "site.example")
        path = server.state / "meta.json"
        found = json.loads(path.read_text())
        expected = {
            "server": "duck_tx",
            "addr": "localhost",
            "port": server.port,
            "domain": "site.example",
            "protocol": "http",
            "url": f"http://site.example:{server.port}",
            "ws_url": f"ws://site.example:{server.port}",
            "pid": server.pid,
            "threads": 3,
            "workers": 1,
            "project": "example.settings",
        }
        self.assertEqual({key: found[key] for key in expected}, expected)
        self.assertEqual(found["versions"]["duck_tx"], __version__)
        self.assertEqual(S_IMODE(server.state.stat().st_mode), 0o700)
        server.stop()
        self.assertFalse(path.exists())

    def test_a_server_leaves_the_metadata_of_another_alone(self) -> None:
        server = serve(self)
        path = server.state / "meta.json"
        path.write_text('{"pid": 1}')
        server.stop()
        self.assertEqual(path.read_text(), '{"pid": 1}')

    def test_the_process_has_a_title(self) -> None:
        server = serve(self, environ={"DUCK_SERVER__PROCESS_NAME": "my-site"})
        self.assertTrue(Path(f"/proc/{server.pid}/cmdline").read_text().startswith("my-site"))


class WorkerSignalTests(UnitTestCase):
    def test_the_one_process_is_not_suspended_by_signals_that_are_for_several(self) -> None:
        server = serve(self)
        for times, number in enumerate((signal.SIGTTIN, signal.SIGTTOU), 1):
            server.send_signal(number)
            wait_until(partial(self.is_said, server, times))
            self.assertEqual(server.get("/hello").status, 200)
        self.assertEqual(server.stop(), -signal.SIGTERM)

    def is_said(self, server: Server, times: int) -> bool:
        return len(server.lines("start the server with --processes for several")) == times


class AddressTests(UnitTestCase):
    def test_a_wildcard_serves_all_addresses_and_warns_about_the_name_once(self) -> None:
        server = serve(self, "--addr", "0.0.0.0")
        self.assertEqual(server.host, "localhost")
        self.assertEqual(server.get("/hello").status, 200)
        self.assertEqual(len(server.lines("absolute URIs say localhost")), 1)
        self.assertIn("--domain", server.lines("absolute URIs say localhost")[0])

    def test_a_domain_needs_no_warning(self) -> None:
        server = serve(self, "--addr", "0.0.0.0", "--domain", "site.example")
        self.assertEqual(server.lines("absolute URIs"), [])

    def test_ipv6_is_served_and_its_wildcard_serves_ipv4_too(self) -> None:
        server = serve(self, "--addr", "::1")
        self.assertEqual((server.host, server.get("/hello").status), ("::1", 200))
        both = serve(self, "--addr", "::", "--ipv6")
        for both.host in ("::1", "127.0.0.1"):
            self.assertEqual(both.get("/hello").status, 200)


class AccessLogTests(UnitTestCase):
    def _reopens(self, launch: list[str] | str, log: str = "access.log", *options: str) -> Server:
        server = serve(
            self, *options, launch=launch, project=None,
            environ={"DUCK_LOG__FILE": log, "DUCK_GATEWAY__WSGI": _GATED},
        )  # fmt: skip
        path, renamed = server.directory / log, server.directory / f"{log}.1"
        server.get("/first")
        wait_until(lambda: "GET /first" in path.read_text(), what="the first line")
        path.rename(renamed)
        server.send_signal(signal.SIGUSR1)
        wait_until(path.exists, what="the new file")
        server.get("/second")
        wait_until(lambda: "GET /second" in path.read_text(), what="the second line")
        self.assertNotIn("second", renamed.read_text())
        self.assertNotIn("first", path.read_text())
        return server

    def test_usr1_goes_on_in_a_new_file(self) -> None:
        for launch in LAUNCHERS:
            server = self._reopens(launch)
            server.stop()

    def test_usr1_still_rotates_the_log_of_twistd(self) -> None:
        server = Server(
            launch=["-c", _TWISTD, "-n", "--logfile", "twistd.log", "duck"], project=None,
            environ={"DUCK_LOG__FILE": "access.log", "DUCK_GATEWAY__WSGI": _GATED},
        )  # fmt: skip
        self.addCleanup(server.close)
        server.begin()
        log = server.directory / "twistd.log"
        wait_until(lambda: log.exists() and "ready: " in log.read_text(), 30, "the server is ready")
        (server.directory / "access.log").rename(server.directory / "access.log.1")
        server.send_signal(signal.SIGUSR1)
        wait_until((server.directory / "twistd.log.1").exists, what="twistd's old file")
        wait_until((server.directory / "access.log").exists, what="the new access log")
        server.stop()
        self.assertEqual(server.left_behind(), [])

    def test_usr1_does_no_harm_where_there_is_no_file(self) -> None:
        server = serve(self)
        server.send_signal(signal.SIGUSR1)
        self.assertEqual(server.get("/hello").status, 200)
        wait_until(lambda: server.lines("GET /hello"), what="the line of the request")
        self.assertTrue(server.running)

    def test_it_can_be_switched_off(self) -> None:
        server = serve(self, "--no-access-log")
        server.get("/hello")
        server.stop()
        self.assertEqual(server.lines("/hello"), [])

    def test_it_can_be_json(self) -> None:
        server = serve(self, "--log-format", "json")
        server.get("/hello")
        server.stop()
        line = json.loads(server.lines('"/hello"')[0])
        self.assertEqual((line["status"], line["target"]), (200, "/hello"))

    def test_the_last_lines_are_written_at_the_stop(self) -> None:
        server = serve(self)
        for number in range(20):
            server.get(f"/hello?{number}")
        server.stop()
        self.assertEqual(len(server.lines("GET /hello?")), 20)


class HookTests(UnitTestCase):
    def _site(self, body: str, arguments: str = "") -> Server:
        script = (
            f"from twisted.internet import defer, reactor\nfrom duck_tx import App\n{body}\nSite({arguments}).run()\n"
        )
        return serve(self, launch=["-c", script], project=None, environ={"DUCK_GATEWAY__WSGI": _GATED})

    def test_hooks_may_be_coroutines_that_are_waited_for(self) -> None:
        server = self._site(
            "class Site(App):\n"
            "    async def on_app_start(self):\n"
            "        print('listening', self.server_up, self.django_server_up, flush=True)\n"
            "    async def on_pre_stop(self):\n"
            "        done = defer.Deferred()\n"
            "        reactor.callLater(0.2, done.callback, None)\n"
            "        await done\n"
            "        print('still listening', self.server_up, flush=True)\n"
        )
        server.stop()
        log = server.log
        self.assertLess(log.index("listening True True"), log.index("ready: "))
        self.assertIn("still listening True", log)

    def test_hooks_may_return_deferreds_and_be_passed(self) -> None:
        server = self._site(
            "Site = App\n"
            "def up():\n"
            "    done = defer.Deferred()\n"
            "    reactor.callLater(0.1, done.callback, None)\n"
            "    return done.addCallback(lambda _: print('up', flush=True))\n"
            "def down():\n"
            "    return defer.succeed(print('down', flush=True))\n",
            "on_app_start=up, on_pre_stop=down",
        )
        server.stop()
        self.assertLess(server.log.index("up\n"), server.log.index("ready: "))
        self.assertLess(server.log.index("down\n"), server.log.index("Closed"))

    def test_on_pre_stop_that_fails_does_not_stop_the_stop(self) -> None:
        server = self._site("class Site(App):\n    def on_pre_stop(self):\n        raise LookupError('lost')\n")
        self.assertEqual(server.stop(), -signal.SIGTERM)
        self.assertIn("on_pre_stop failed", server.log)
        self.assertIn("LookupError: lost", server.log)
        self.assertEqual(server.left_behind(), [])

    def test_on_pre_stop_that_never_ends_has_the_grace(self) -> None:
        script = (
            "from twisted.internet.defer import Deferred\nfrom duck_tx import App\nApp(on_pre_stop=Deferred).run()\n"
        )
        server = serve(
            self, launch=["-c", script], project=None,
            environ={"DUCK_GATEWAY__WSGI": _GATED, "DUCK_SERVER__GRACE": "0.3"},
        )  # fmt: skip
        self.assertEqual(server.stop(timeout=5), -signal.SIGTERM)
        self.assertIn("on_pre_stop took longer than 0.3 s", server.log)

    def test_a_second_interrupt_does_not_wait_for_on_pre_stop(self) -> None:
        script = (
            "from twisted.internet.defer import Deferred\nfrom duck_tx import App\nApp(on_pre_stop=Deferred).run()\n"
        )
        server = serve(self, launch=["-c", script], project=None, environ={"DUCK_GATEWAY__WSGI": _GATED})
        server.send_signal(signal.SIGINT)
        server.wait_for("stopping on SIGINT")
        self.assertEqual(server.stop(signal.SIGINT, timeout=5), -signal.SIGINT)
        self.assertEqual(server.left_behind(), [])


class ScriptTests(UnitTestCase):
    def test_run_returns_after_a_stop_from_within(self) -> None:
        script = (
            "from twisted.internet import reactor\nfrom duck_tx import App\n"
            "app = App(on_app_start=lambda: reactor.callLater(0, app.stop) and None)\n"
            "app.run()\nprint('returned', App.instances())\n"
        )
        server = Server(launch=["-c", script], project=None, environ={"DUCK_GATEWAY__WSGI": _GATED})
        self.addCleanup(server.close)
        server.begin()
        self.assertEqual(server.exit(), 0)
        self.assertIn("returned 0", server.log)
        self.assertEqual(server.left_behind(), [])

    def test_exit_functions_run_before_the_signal_ends_the_process(self) -> None:
        script = "import atexit\natexit.register(print, 'bye')\nfrom duck_tx import App\nApp().run()\n"
        server = serve(self, launch=["-c", script], project=None, environ={"DUCK_GATEWAY__WSGI": _GATED})
        self.assertEqual(server.stop(), -signal.SIGTERM)
        self.assertIn("bye", server.log)

    def test_signals_can_be_left_to_the_program(self) -> None:
        script = (
            "import signal\nfrom twisted.internet import reactor\nfrom duck_tx import App\n"
            "app = App(disable_signal_handler=True)\n"
            "def mine(number, frame):\n"
            "    print('mine', flush=True)\n"
            "    reactor.callFromThread(app.stop)\n"
            "reactor.callWhenRunning(signal.signal, signal.SIGTERM, mine)\n"
            "app.run()\nprint('returned')\n"
        )
        server = serve(self, launch=["-c", script], project=None, environ={"DUCK_GATEWAY__WSGI": _GATED})
        self.assertEqual(server.stop(), 0)
        self.assertIn("mine", server.log)
        self.assertIn("returned", server.log)

    def test_the_ready_line_says_what_where_and_how_long_it_took(self) -> None:
        server = serve(self)
        line = server.lines("ready: ")[0]
        found = re.search(r"ready: example.settings at (\S+) \(10 threads, pid (\d+), (\d\.\d\d) s\)", line)
        assert found is not None, line
        self.assertEqual((found[1], int(found[2])), (server.uri, server.pid))
        self.assertLess(float(found[3]), 10)
