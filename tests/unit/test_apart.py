"""The application at an address of its own: what is wired for it."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from duck_tx.http.nothing import NothingHere
from duck_tx.http.router import Router
from duck_tx.http.service import ServerService
from duck_tx.proxy.remote import RemoteResource
from duck_tx.serving import Form, Serving
from duck_tx.settings import Settings, override
from tests.case import UnitTestCase
from tests.unit.reactor import HandedOver


class _NoSockets:
    def __contains__(self, who: str, /) -> bool:
        return False

    def binding(self, who: str, bind: Callable[[], socket.socket]) -> Callable[[], socket.socket]:
        return bind


def _recording(grace: list[float]) -> Callable[[ServerService], Coroutine[Any, Any, None]]:
    """A stop that writes down how long it may take."""

    async def stop(service: ServerService) -> None:
        grace.append(service.grace_left)

    return stop


class ApartTests(UnitTestCase):
    def serving(self, addr: str, form: Form | None = None, **values: object) -> Serving:
        given = {
            "gateway.wsgi": "some.module:application", "gateway.addr": addr, "server.port": 0,
            "automations.enabled": False, "http.max_connections_per_address": 3, "http.max_body": 1000,
        }  # fmt: skip
        given |= {key.replace("__", "."): value for key, value in values.items()}
        return Serving(override(Settings(), given, "a test").settings, HandedOver(), _NoSockets(), form or Form())

    def test_django_is_the_service_that_has_all_of_it_run(self) -> None:
        serving = self.serving("127.0.0.1:8001")
        services = dict(serving.services())
        self.assertEqual(list(services), ["access log", "django", "garbage collector", "server"])
        assert serving.apart is not None and serving.apart.port is not None
        self.assertIs(services["django"], serving.apart.backend)
        self.assertEqual(serving.apart.backend._parts(), [serving.gateway, serving.apart.port])
        self.assertIs(serving.ports["backend"], serving.apart.port)

    def test_its_site_believes_this_server_and_bounds_nothing_that_is_bounded_already(self) -> None:
        for addr, peer in (("127.0.0.1:8001", "127.0.0.1"), ("192.0.2.5:8001", "192.0.2.5"), ("unix:/run/x", "")):
            apart = self.serving(addr).apart
            assert apart is not None and apart.port is not None
            site = apart.port.site
            self.assertIn(peer, site.trusted)
            self.assertNotIn("192.0.2.9", site.trusted)
            self.assertIsNone(site.access_log)
            self.assertEqual((site.limits.max_connections_per_address, site.limits.max_body), (0, 0))

    def test_pages_are_put_there_and_asked_for_from_here(self) -> None:
        apart = self.serving("127.0.0.1:8001").apart
        assert apart is not None and apart.port is not None
        pages = NothingHere()
        self.assertIs(apart.put(pages), apart.backend.resource)
        self.assertIs(apart.port.site.resource, pages)

    def test_somebody_else_s_server_needs_no_project_and_no_port(self) -> None:
        serving = self.serving("127.0.0.1:8001", gateway__external=True)
        assert serving.apart is not None
        self.assertIsNone(serving.project)
        self.assertIsNone(serving.apart.port)
        self.assertEqual(serving.apart.backend._parts(), [])
        self.assertEqual(
            [name for name, _ in serving.services()], ["access log", "django", "garbage collector", "server"]
        )
        router = serving.site.resource
        assert isinstance(router, Router)
        self.assertIsInstance(router.default, RemoteResource)

    def test_the_file_of_a_socket_is_removed_by_who_made_it(self) -> None:
        folder = Path(mkdtemp(prefix="duck-test-"))
        self.addCleanup(shutil.rmtree, folder)
        path = folder / "x.sock"
        for form, remains in ((Form(), False), (Form(is_worker=True), True)):
            apart = self.serving(f"unix:{path}", form).apart
            assert apart is not None and apart.port is not None
            apart.port.privilegedStartService()
            self.assertTrue(path.exists())
            stopping = apart.port.stopService()
            self.assertRaises(StopIteration, stopping.send, None)
            self.assertEqual(path.exists(), remains)

    def test_its_stop_has_what_is_left_of_the_grace(self) -> None:
        serving = self.serving("127.0.0.1:8001", server__grace=20.0)
        assert serving.apart is not None and serving.apart.port is not None
        port = serving.apart.port
        self.assertEqual(port.grace_left, 20)
        for left, grace in ((7.5, 7.5), (60.0, 20.0)):
            self.patch(port, "_patience", lambda left=left: left)
            during: list[float] = []
            self.patch(ServerService, "stopService", _recording(during))
            self.assertRaises(StopIteration, port.stopService().send, None)
            self.assertEqual((during, port.grace_left), ([grace], 20))

    def test_a_look_whether_it_can_be_had_leaves_nothing_and_takes_nothing_away(self) -> None:
        folder = Path(mkdtemp(prefix="duck-test-"))
        self.addCleanup(shutil.rmtree, folder)
        path = folder / "x.sock"
        apart = self.serving(f"unix:{path}").apart
        assert apart is not None and apart.port is not None
        apart.port.check()
        self.assertFalse(path.exists())
        # An earlier life of the server has handed this one over.
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(path))
            listening.listen()
            self.patch(apart.port, "_bind", listening.dup)
            apart.port.check()
            self.assertTrue(path.exists())

    def test_without_an_address_there_is_nothing_of_it(self) -> None:
        self.assertIsNone(self.serving("127.0.0.1:8001", gateway__addr=None).apart)
        self.assertIsNone(self.serving("127.0.0.1:8001", Form(serves=False)).apart)
