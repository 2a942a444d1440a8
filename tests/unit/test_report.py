"""What an App tells about itself."""

from __future__ import annotations

import os
import time
from typing import Any

import duck_tx
from duck_tx.automations.automation import Automation
from duck_tx.micro.spec import MicroSpec
from duck_tx.process.solo import SoloService
from duck_tx.report import banner, metadata, microapp_lines, ready_line, warning_lines
from duck_tx.settings import Settings, override
from duck_tx.tree import Tree
from tests.case import UnitTestCase
from tests.unit.reactor import HandedOver


class _Subject:
    """What an App has of what is told here."""

    def __init__(self, **values: object) -> None:
        changes = {"gateway.wsgi": "site.wsgi:application"} | {
            key.replace("__", "."): value for key, value in values.items()
        }
        self.settings = override(Settings(), changes, "a test").settings
        calls: Any = {"up": None, "down": None, "failed": None, "interrupt": None, "describe": None}
        self.tree = Tree(self.settings, HandedOver(), **calls)
        self.addr, self.port, self.DOMAIN = "0.0.0.0", 8123, "site.example"
        self.absolute_uri, self.absolute_ws_uri = "http://site.example:8123", "ws://site.example:8123"


class ReadyLineTests(UnitTestCase):
    def test_it_says_what_where_by_what_and_how_long_it_took(self) -> None:
        start = f"ready: site.wsgi:application at http://site.example:8123 (10 threads, pid {os.getpid()}, "
        line = ready_line(_Subject())
        self.assertTrue(line.startswith(start), line)
        self.assertRegex(line.removeprefix(start), r"^\d+\.\d\d s\)$")

    def test_it_says_how_the_application_is_called(self) -> None:
        self.assertIn("(1 thread, ", ready_line(_Subject(gateway__threads=1)))
        self.assertIn("(on the reactor thread, ", ready_line(_Subject(gateway__threads=0)))
        both = {"gateway__asgi": "site.asgi:application"}
        self.assertIn("site.wsgi:application at http://site.example:8123 (10 threads, ", ready_line(_Subject(**both)))
        line = ready_line(_Subject(gateway__asgi_only=True, **both))
        self.assertIn("site.asgi:application at http://site.example:8123 (an event loop, ", line)

    def test_it_says_when_there_is_no_application_or_only_the_welcome_project(self) -> None:
        self.assertIn("ready: no application at ", ready_line(_Subject(gateway__enabled=False)))
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        empty = self.mktemp()
        os.mkdir(empty)
        os.chdir(empty)
        self.patch(os, "environ", {key: value for key, value in os.environ.items() if "DJANGO" not in key})
        self.assertIn(
            "ready: the welcome project (no manage.py was found here", ready_line(_Subject(gateway__wsgi=None))
        )

    def test_it_says_what_else_answers_where_there_is_no_project(self) -> None:
        external = _Subject(gateway__addr="127.0.0.1:8001", gateway__external=True)
        self.assertIn("ready: the application at 127.0.0.1:8001 at ", ready_line(external))
        one = {"upstreams": ["http://127.0.0.1:9000"]}
        routed = _Subject(gateway__wsgi=None, proxy__routes=[one, {"prefix": "/b", **one}])
        self.assertIn("ready: 2 routes to other servers at ", ready_line(routed))
        for subject in (external, routed):
            self.assertIn(" (on the reactor thread, ", ready_line(subject))
            self.assertEqual(metadata(subject)["threads"], 0)

    def test_settings_stand_for_a_project_that_names_no_application(self) -> None:
        subject = _Subject(gateway__wsgi=None, gateway__django_settings="site.settings")
        self.assertIn("ready: site.settings at ", ready_line(subject))


class WarningTests(UnitTestCase):
    def test_a_wildcard_is_no_name(self) -> None:
        [line] = warning_lines(_Subject())
        self.assertEqual(line, "absolute URIs say localhost, as 0.0.0.0 is no name: give one with --domain")
        self.assertEqual(warning_lines(_Subject(server__domain="site.example")), [])

    def test_an_address_of_the_application_that_others_can_reach_is_named(self) -> None:
        def lines(addr: str, **values: object) -> list[str]:
            return warning_lines(_Subject(server__domain="site.example", gateway__addr=addr, **values))

        for addr in ("0.0.0.0:8001", "192.0.2.7:8001", "[::]:8001", "[2001:db8::1]:8001"):
            [line] = lines(addr)
            self.assertIn(f"Django at {addr} can be reached from elsewhere", line)
        for addr in ("127.0.0.1:8001", "127.0.0.9:8001", "[::1]:8001", "localhost:8001", "unix:/run/django.sock"):
            self.assertEqual(lines(addr), [], addr)
        self.assertEqual(lines("192.0.2.7:8001", gateway__external=True), [])


class MetadataTests(UnitTestCase):
    def test_it_is_all_that_others_may_know(self) -> None:
        found = dict(metadata(_Subject(gateway__threads=3)))
        started = found.pop("started")
        assert isinstance(started, float)
        self.assertLess(abs(time.time() - started), 3600)
        versions = found.pop("versions")
        assert isinstance(versions, dict)
        self.assertEqual(set(versions), {"duck_tx", "twisted", "django", "python"})
        self.assertEqual(versions["duck_tx"], duck_tx.__version__)
        self.assertEqual(
            found,
            {
                "server": "duck_tx",
                "addr": "0.0.0.0",
                "port": 8123,
                "domain": "site.example",
                "protocol": "http",
                "url": "http://site.example:8123",
                "ws_url": "ws://site.example:8123",
                "pid": os.getpid(),
                "threads": 3,
                "workers": 1,
                "automations": None,
                "microapps": [],
                "project": "site.wsgi:application",
            },
        )

    def test_it_names_the_application_that_asgi_alone_calls(self) -> None:
        alone = metadata(_Subject(gateway__wsgi=None, gateway__asgi="site.asgi:application"))
        self.assertEqual((alone["project"], alone["threads"]), ("site.asgi:application", None))
        everything = metadata(_Subject(gateway__asgi_only=True, gateway__asgi="site.asgi:application"))
        self.assertEqual((everything["project"], everything["threads"]), ("site.asgi:application", None))
        both = metadata(_Subject(gateway__asgi="site.asgi:application"))
        self.assertEqual((both["project"], both["threads"]), ("site.wsgi:application", 10))

    def test_it_tells_where_somebody_else_has_the_application(self) -> None:
        found = metadata(_Subject(gateway__addr="127.0.0.1:8001", gateway__external=True))
        self.assertEqual(found["project"], "the application at 127.0.0.1:8001")

    def test_it_tells_of_the_servers_of_routes(self) -> None:
        route = {"prefix": "/api", "upstreams": ["http://127.0.0.1:9000"]}
        for several in (False, True):
            subject = _Subject(proxy__routes=[route], server__force_worker_processes=several)
            # How they are would be out of date in a file.
            self.assertEqual(metadata(subject)["upstreams"], [{"route": "/api", "url": "http://127.0.0.1:9000"}])

    def test_it_tells_which_process_runs_the_automations(self) -> None:
        subject = _Subject()
        service = subject.tree.serving.automations
        assert service is not None
        service.automations = [Automation(print)]
        self.assertEqual(metadata(subject)["automations"], {"pid": os.getpid(), "state": "ready"})
        subject = _Subject(server__force_worker_processes=True)
        self.assertIsNone(metadata(subject)["automations"])
        about = {"pid": 7, "state": "starting", "memory": 1, "age": 2.0}
        self.patch(SoloService, "describe", lambda solo: about)
        self.assertEqual(metadata(subject)["automations"], {"pid": 7, "state": "starting"})


class BannerTests(UnitTestCase):
    def test_it_names_the_version_and_fits_a_terminal(self) -> None:
        self.assertIn(f"duck_tx {duck_tx.__version__}", banner())
        self.assertLess(max(len(line) for line in banner().splitlines()), 80)


class MicroAppTests(UnitTestCase):
    def spec(self, **values: Any) -> MicroSpec:
        every: dict[str, Any] = {"name": "Hello", "kind": "wsgi", "target": print} | values
        return MicroSpec(**every)

    def test_each_is_told_of_with_its_place(self) -> None:
        subject = _Subject()
        self.assertEqual(microapp_lines(subject), [])
        subject.tree.add_microapp(self.spec(port=9000))
        subject.tree.add_microapp(self.spec(name="Api", prefix=b"/api/"))
        self.assertEqual(
            microapp_lines(subject),
            ["micro app Hello at http://localhost:9000", "micro app Api at http://site.example:8123/api"],
        )
        self.assertEqual(
            metadata(subject)["microapps"],
            [
                {"name": "Hello", "url": "http://localhost:9000", "up": False},
                {"name": "Api", "url": "http://site.example:8123/api", "up": False},
            ],
        )

    def test_one_that_stands_alone_is_what_is_served(self) -> None:
        subject = _Subject(gateway__enabled=False)
        subject.tree.add_microapp(self.spec(prefix=b"/"))
        self.assertEqual(microapp_lines(subject), [])
        self.assertIn("ready: Hello at http://site.example:8123 ", ready_line(subject))
