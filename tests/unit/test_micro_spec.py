"""What a micro app is, in values."""

from __future__ import annotations

from typing import Any

from duck_tx.errors import PortError
from duck_tx.micro.spec import MicroSpec, check_port
from duck_tx.process.endpoint import Endpoint
from tests.case import UnitTestCase


def spec(**values: Any) -> MicroSpec:
    every: dict[str, Any] = {"name": "Hello", "kind": "wsgi", "target": None} | values
    return MicroSpec(**every)


class KeyTests(UnitTestCase):
    def test_it_is_the_same_for_the_same_address_in_every_life(self) -> None:
        self.assertEqual(spec().key(()), "micro-localhost-8080")
        self.assertEqual(spec(addr="::", port=9000, uses_ipv6=True).key(()), "micro-_-9000-6")

    def test_those_of_free_ports_are_told_apart(self) -> None:
        self.assertEqual(spec(port=0).key({"micro-localhost-0", "micro-localhost-0-2"}), "micro-localhost-0-3")

    def test_it_hands_a_socket_on_without_trouble(self) -> None:
        for addr in ("fe80::1%eth0", "a=b:c"):
            self.assertRegex(spec(addr=addr).key(()), r"^[A-Za-z0-9._-]+$")

    def test_a_mounted_one_has_its_place(self) -> None:
        self.assertEqual(spec(prefix=b"/api/", host="a.example").key(()), "micro app at a.example/api/")


class EverythingTests(UnitTestCase):
    def test_it_has_everything_at_the_root_of_every_host(self) -> None:
        self.assertTrue(spec(prefix=b"/").has_everything)
        for values in ({}, {"prefix": b"/a/"}, {"prefix": b"/", "host": "a.example"}):
            self.assertFalse(spec(**values).has_everything)


class PortTests(UnitTestCase):
    def test_two_who_want_one_port_are_named_with_what_sets_it(self) -> None:
        other = Endpoint(("server",), "localhost", 8080, False, "--port")
        with self.assertRaises(PortError) as caught:
            check_port(spec().endpoint("key"), "the micro app Hello", [("the server of the App", other)])
        self.assertEqual(
            str(caught.exception),
            "port 8080 is wanted by two: the micro app Hello (localhost) and the server of the App (localhost). Give"
            " one of them another: port= in Hello(), or --port.",
        )

    def test_other_ports_and_addresses_are_no_clash(self) -> None:
        others = [
            ("one", Endpoint((), "localhost", 8081, False, "--port")),
            ("two", Endpoint((), "127.0.0.2", 8080, False, "--port")),
            ("three", Endpoint((), "::1", 8080, True, "--port")),
        ]
        check_port(spec().endpoint("key"), "it", others)
        check_port(spec(port=0).endpoint("key"), "it", [("other", Endpoint((), "localhost", 0, False, "--port"))])

    def test_what_sets_both_ports_is_said_once(self) -> None:
        with self.assertRaises(PortError) as caught:
            check_port(spec().endpoint("key"), "the micro app Hello", [("the micro app Hello", spec().endpoint("2"))])
        self.assertTrue(str(caught.exception).endswith(" Give one of them another: port= in Hello()."))
