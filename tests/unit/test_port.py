"""Binding a port, and saying why it cannot be bound."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

from duck_tx.errors import PortError
from duck_tx.process.endpoint import Endpoint
from duck_tx.process.port import bind, explained, holder_of, overlap
from tests.case import UnitTestCase


class BindTests(UnitTestCase):
    def bound(self, addr: str, port: int = 0, *, uses_ipv6: bool = False) -> socket.socket:
        sock = bind(addr, port, uses_ipv6=uses_ipv6)
        self.addCleanup(sock.close)
        return sock

    def test_zero_picks_a_free_port(self) -> None:
        address, port = self.bound("127.0.0.1").getsockname()
        self.assertEqual(address, "127.0.0.1")
        self.assertGreater(port, 0)

    def test_it_does_not_listen_yet(self) -> None:
        port = self.bound("127.0.0.1").getsockname()[1]
        self.assertRaises(ConnectionRefusedError, socket.create_connection, ("127.0.0.1", port), 5)

    def test_a_port_that_was_just_closed_can_be_bound_again(self) -> None:
        first = self.bound("127.0.0.1")
        port = first.getsockname()[1]
        first.listen()
        client = socket.create_connection(("127.0.0.1", port), 5)
        served, _ = first.accept()
        # Closed by the server first, so its side waits in TIME_WAIT.
        served.close()
        client.close()
        first.close()
        self.assertEqual(self.bound("127.0.0.1", port).getsockname()[1], port)

    def test_a_name_is_resolved(self) -> None:
        self.assertEqual(self.bound("localhost").getsockname()[0], "127.0.0.1")

    def test_an_ipv6_address_needs_no_flag(self) -> None:
        self.assertEqual(self.bound("::1").family, socket.AF_INET6)

    def test_the_ipv6_wildcard_takes_ipv4_as_well_and_another_address_does_not(self) -> None:
        for addr in ("::", "0.0.0.0"):
            both = self.bound(addr, uses_ipv6=True)
            self.assertEqual(both.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY), 0)
            both.listen()
            socket.create_connection(("127.0.0.1", both.getsockname()[1]), 5).close()
        self.assertEqual(self.bound("::1").getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY), 1)

    def test_a_link_local_address_keeps_its_zone(self) -> None:
        zones = _link_local()
        for address in zones:
            self.assertEqual(self.bound(address).getsockname()[3], socket.if_nametoindex(address.partition("%")[2]))
        self.assertEqual(zones, _link_local())

    def test_a_name_without_an_address_is_named_before_any_socket_is_opened(self) -> None:
        with self.assertRaisesRegex(PortError, r"^address 'no\.such\.invalid' has no IPv4 address here .*--ipv6\.$"):
            bind("no.such.invalid", 0)
        with self.assertRaisesRegex(PortError, r"^address '127\.0\.0\.1' has no IPv6 address here .*--addr\.$"):
            bind("127.0.0.1", 0, uses_ipv6=True)

    def test_an_address_of_another_machine_is_named(self) -> None:
        with self.assertRaises(PortError) as caught:
            bind("192.0.2.1", 0)
        self.assertEqual(
            str(caught.exception), "192.0.2.1 is not an address of this machine. Choose another with --addr."
        )

    def test_a_taken_port_is_named_with_who_has_it(self) -> None:
        taken = self.bound("127.0.0.1")
        taken.listen()
        port = taken.getsockname()[1]
        with self.assertRaises(PortError) as caught:
            bind("127.0.0.1", port)
        name = Path("/proc/self/comm").read_text().strip()
        self.assertEqual(
            str(caught.exception),
            f"port {port} is in use by pid {os.getpid()} ({name}). Stop it, or choose another with --port.",
        )


class ExplainedTests(UnitTestCase):
    def test_a_privileged_port_says_how_to_get_it(self) -> None:
        self.assertEqual(
            str(explained(OSError(errno.EACCES, "Permission denied"), "localhost", 80)),
            "port 80 needs privileges that this user does not have. Choose one above 1023 with --port, or give the "
            "process CAP_NET_BIND_SERVICE.",
        )

    def test_a_port_that_nobody_known_has_is_in_use_all_the_same(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
            self.assertEqual(
                str(explained(OSError(errno.EADDRINUSE, "Address already in use"), "localhost", port)),
                f"port {port} is in use. Choose another with --port.",
            )

    def test_anything_else_is_as_the_system_says(self) -> None:
        self.assertEqual(
            str(explained(OSError(errno.ENOBUFS, "No buffer space available"), "localhost", 80)),
            "localhost port 80 cannot be bound: No buffer space available.",
        )


class HolderTests(UnitTestCase):
    def test_ipv6_listeners_are_found_too(self) -> None:
        with bind("::1", 0) as sock:
            sock.listen()
            self.assertIn(f"pid {os.getpid()} (", holder_of(sock.getsockname()[1]))

    def test_a_bound_port_that_does_not_listen_has_no_holder(self) -> None:
        with bind("127.0.0.1", 0) as sock:
            self.assertEqual(holder_of(sock.getsockname()[1]), "")


def _link_local() -> list[str]:
    """The link-local addresses of this machine, with their zones; none on many."""
    found = []
    for line in Path("/proc/net/if_inet6").read_text().splitlines():
        digits, _, _, scope, _, name = line.split()
        if scope == "20":
            found.append(":".join(digits[i : i + 4] for i in range(0, 32, 4)) + f"%{name}")
    return found


class OverlapTests(UnitTestCase):
    def overlap(self, one: str, other: str, port: int = 80) -> bool:
        return overlap(*(Endpoint((), addr, port, ":" in addr, "--port") for addr in (one, other)))

    def test_a_name_is_its_address(self) -> None:
        self.assertTrue(self.overlap("localhost", "127.0.0.1"))
        self.assertFalse(self.overlap("localhost", "127.0.0.2"))

    def test_a_wildcard_is_every_address_of_its_kind_and_that_of_ipv6_of_both(self) -> None:
        self.assertTrue(self.overlap("0.0.0.0", "127.0.0.1"))
        self.assertFalse(self.overlap("0.0.0.0", "::1"))
        for addr in ("127.0.0.1", "::1", "0.0.0.0"):
            self.assertTrue(self.overlap(addr, "::"))

    def test_free_ports_are_never_the_same(self) -> None:
        self.assertFalse(self.overlap("localhost", "localhost", port=0))

    def test_what_cannot_be_bound_is_found_elsewhere(self) -> None:
        self.assertFalse(self.overlap("nowhere.invalid", "127.0.0.1"))
        self.assertTrue(self.overlap("nowhere.invalid", "nowhere.invalid"))

    def test_what_is_wrong_with_an_address_is_told_with_what_sets_it(self) -> None:
        with self.assertRaisesRegex(PortError, r"with addr= in Hello\(\), or use uses_ipv6\.$"):
            bind("nowhere.invalid", 80, option="port= in Hello()")
        gone = explained(OSError(errno.EADDRNOTAVAIL, "not here"), "192.0.2.1", 80, "port= in Hello()")
        self.assertIn("Choose another with addr= in Hello().", str(gone))
