"""Which ports settings ask for."""

from __future__ import annotations

import errno
import socket

from duck_tx.errors import PortError
from duck_tx.process.endpoint import Endpoint, endpoints
from duck_tx.settings import Settings, override
from tests.case import UnitTestCase


def _endpoints(**values: object) -> dict[str, Endpoint]:
    given = {key.replace("__", "."): value for key, value in values.items()}
    return endpoints(override(Settings(), given, "a test").settings)


class EndpointsTests(UnitTestCase):
    def test_there_is_one_unless_plain_http_is_redirected(self) -> None:
        for values in ({}, {"https__enabled": True}):
            self.assertEqual(list(_endpoints(**values)), ["server"], values)
        self.assertEqual(list(_endpoints(https__enabled=True, https__force=True)), ["server", "force-https"])

    def test_both_are_on_the_same_address_and_each_on_its_port(self) -> None:
        found = _endpoints(
            https__enabled=True, https__force=True, https__redirect_port=8080,
            server__addr="::1", server__port=8443, server__uses_ipv6=True,
        )  # fmt: skip
        self.assertEqual(
            [(each.addr, each.port, each.uses_ipv6, each.option) for each in found.values()],
            [("::1", 8443, True, "--port"), ("::1", 8080, True, "--redirect-port")],
        )

    def test_a_socket_called_http_is_for_the_redirect_where_there_is_one(self) -> None:
        self.assertIn("http", _endpoints()["server"].names)
        both = _endpoints(https__enabled=True, https__force=True)
        self.assertEqual([name for name, each in both.items() if "http" in each.names], ["force-https"])

    def test_an_application_may_have_an_address_of_its_own(self) -> None:
        for addr, found in (
            ("127.0.0.1:8001", ("127.0.0.1", 8001, False)),
            ("[::1]:8001", ("::1", 8001, False)),
            ("unix:/run/django.sock", ("/run/django.sock", 0, True)),
        ):
            each = _endpoints(gateway__addr=addr)["backend"]
            self.assertEqual((each.addr, each.port, each.is_unix), found)
            self.assertNotIn("backend", _endpoints(gateway__addr=addr, gateway__external=True))
        self.assertNotIn("backend", _endpoints())

    def test_what_it_may_be_called_makes_it_no_other(self) -> None:
        self.assertEqual(_endpoints()["server"], _endpoints(https__enabled=True, https__force=True)["server"])
        for other in ({"server__port": 1}, {"server__addr": "::1"}, {"server__uses_ipv6": True}):
            self.assertNotEqual(_endpoints()["server"], _endpoints(**other)["server"])


class EndpointTests(UnitTestCase):
    def endpoint(self, port: int = 0) -> Endpoint:
        return Endpoint(("server",), "127.0.0.1", port, False, "--some-port")

    def test_it_is_bound_as_it_says(self) -> None:
        with self.endpoint().bind() as sock:
            self.assertEqual((sock.family, sock.getsockname()[0]), (socket.AF_INET, "127.0.0.1"))

    def test_why_it_cannot_be_is_told_with_its_option(self) -> None:
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        with self.assertRaisesRegex(PortError, r" is in use by .* with --some-port\.$"):
            self.endpoint(taken.getsockname()[1]).bind()
        self.assertEqual(
            str(self.endpoint().explained(OSError(errno.ENOBUFS, "No buffer space available"), 4711)),
            "127.0.0.1 port 4711 cannot be bound: No buffer space available.",
        )
