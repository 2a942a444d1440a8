"""The application at an address of its own: what is wired for it."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp

from duck_tx.http.nothing import NothingHere
from duck_tx.http.router import Router
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
        self.assertEqual(list(services), ["access log", "django", "server"])
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
        self.assertEqual([name for name, _ in serving.services()], ["access log", "django", "server"])
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

    def test_without_an_address_there_is_nothing_of_it(self) -> None:
        self.assertIsNone(self.serving("127.0.0.1:8001", gateway__addr=None).apart)
        self.assertIsNone(self.serving("127.0.0.1:8001", Form(serves=False)).apart)
