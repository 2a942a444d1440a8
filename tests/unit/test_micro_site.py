"""A micro app in a process that serves: what answers when, and its port."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.web.resource import Resource

from duck_tx.errors import ApplicationError
from duck_tx.http.leaf import LeafResource, streams
from duck_tx.http.request import Request
from duck_tx.micro.site import Farewell, MicroSite
from duck_tx.micro.spec import MicroSpec
from duck_tx.serving import Form, Serving
from duck_tx.settings import Settings, override
from tests.unit.reactor import HandedOver
from tests.unit.wire_case import GET, Hello, WireCase
from tests.unit.wsgi_case import hello


class _NoSockets:
    def __contains__(self, who: str, /) -> bool:
        return False

    def binding(self, who: str, bind: Callable[[], socket.socket]) -> Callable[[], socket.socket]:
        return bind


class MicroSiteTests(WireCase):
    def setUp(self) -> None:
        super().setUp()
        settings = override(Settings(), {"gateway.enabled": False, "server.port": 0}, "a test").settings
        self.house = Serving(settings, HandedOver(), _NoSockets(), Form())

    def app(self, **values: Any) -> MicroSite:
        every: dict[str, Any] = {"name": "Hello", "kind": "resource", "target": Hello(), "prefix": b"/"} | values
        return MicroSite(MicroSpec(**every), self.house, "key")

    def asked(self, app: MicroSite) -> bytes:
        """The status line of an answer."""
        connection = self.connect(self.site_of(app.resource))
        connection.send(GET)
        return connection.received.partition(b"\r\n")[0]

    def test_what_is_called_on_threads_answers_while_it_is_up(self) -> None:
        app = self.app(kind="wsgi", target=hello)
        self.assertEqual(self.asked(app), b"HTTP/1.1 503 Service Unavailable")
        self.successResultOf(Deferred.fromCoroutine(app.startService()))
        self.successResultOf(Deferred.fromCoroutine(app.startService()))
        self.assertTrue(app.is_up)
        self.assertEqual(self.asked(app), b"")
        Deferred.fromCoroutine(app.stopService())
        self.assertFalse(app.is_up)
        self.assertEqual(self.asked(app), b"HTTP/1.1 503 Service Unavailable")

    def test_what_could_not_start_is_not_up(self) -> None:
        app = self.app(kind="asgi", target=hello)
        self.failureResultOf(Deferred.fromCoroutine(app.startService()), ApplicationError)
        self.assertFalse(app.is_up)

    def test_a_resource_of_twisted_s_is_as_it_is(self) -> None:
        root = Resource()
        app = self.app(target=root)
        self.assertIs(app.resource, root)
        self.assertEqual(self.asked(self.app()), b"HTTP/1.1 200 OK")
        # There is nothing that could be renewed or waited for.
        app.renew_threads()
        self.successResultOf(Deferred.fromCoroutine(app.let_go(1.0)))
        app.stop_at_once()

    def test_bodies_arrive_as_what_answers_wants_them(self) -> None:
        class Streaming(LeafResource):
            def streams(self, request: Request) -> bool:
                return True

        app = self.app(kind="wsgi", target=hello)
        request: Any = None
        self.assertFalse(streams(app.resource, request))
        app._show(Streaming())
        self.assertTrue(streams(app.resource, request))

    def test_where_it_is(self) -> None:
        main = "https://duck.example:8443"
        for values, uri in (
            ({"prefix": None, "port": 80}, "http://localhost"),
            ({"prefix": None, "port": 443, "domain": "a.example", "https": True}, "https://a.example"),
            ({"prefix": None, "addr": "::1", "uses_ipv6": True}, "http://[::1]:8080"),
            ({"prefix": b"/"}, main),
            ({"prefix": b"/a/b/"}, f"{main}/a/b"),
            ({"prefix": b"/", "host": "a.example"}, "https://a.example:8443"),
        ):
            self.assertEqual(self.app(**values).uri(main), uri)
        self.assertEqual(self.app(host="[::1]").uri("http://duck.example"), "http://[::1]")

    def test_its_port_has_the_limits_of_the_main_one(self) -> None:
        app = self.app(prefix=None, logs=True)
        assert app.site is not None
        self.assertEqual(app.site.limits, self.house.site.limits)
        self.assertIsNotNone(app.site.access_log)
        quiet = self.app(prefix=None).site
        assert quiet is not None
        self.assertIsNone(quiet.access_log)
        self.assertIsNone(self.app().site)

    def test_a_farewell_has_all_of_them_drain(self) -> None:
        parted: list[str] = []

        class Parting(MicroSite):
            def part(self) -> None:
                parted.append(self.key)

        spec = MicroSpec(name="Hello", kind="resource", target=Hello(), prefix=b"/")
        apps = {key: Parting(spec, self.house, key) for key in "ab"}
        farewell = Farewell(apps)
        farewell.startService()
        farewell.stopService()
        self.assertEqual(parted, ["a", "b"])
