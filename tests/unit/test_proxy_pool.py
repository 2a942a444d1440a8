"""The connections to one server."""

from __future__ import annotations

from typing import Any

from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.task import Clock

from duck_tx.proxy.limits import UpstreamLimits
from duck_tx.proxy.local import LocalEndpoint
from duck_tx.proxy.named import NamedEndpoint
from duck_tx.proxy.pool import Pool
from duck_tx.proxy.upstream import Upstream
from tests.case import UnitTestCase
from tests.unit.proxy_case import GET, OK, ProxyCase


class KeptTests(ProxyCase):
    limits = UpstreamLimits(kept_timeout=4, max_kept=2, connect_timeout=3)

    def finish(self, count: int = 1) -> None:
        """Have so many connections, all kept."""
        clients = [self.ask() for _ in range(count)]
        for end in self.network.ends[-count:]:
            end.send(OK)
        self.assertEqual(len(clients), count)

    def test_the_last_one_used_is_used_next(self) -> None:
        self.finish(2)
        self.ask()
        self.assertEqual(len(self.network.ends), 2)
        self.assertTrue(self.network.ends[1].received.count(b"GET /x"), 2)

    def test_no_more_are_kept_than_may_be(self) -> None:
        self.finish(3)
        self.assertEqual([end.wire.closed for end in self.network.ends], [True, False, False])

    def test_one_that_was_idle_for_too_long_is_closed(self) -> None:
        self.finish()
        self.wait(3)
        self.assertFalse(self.far.wire.closed)
        self.wait(2.5)
        self.assertTrue(self.far.wire.disconnecting)
        self.far.settle()
        self.assertEqual(self.server.pool.connections, set())

    def test_one_whose_time_is_up_is_not_used_even_before_it_is_closed(self) -> None:
        self.finish()
        self.far.protocol.deadline = self.clock.seconds()
        self.ask()
        self.assertEqual(len(self.network.ends), 2)

    def test_a_server_may_say_that_it_keeps_it_for_less(self) -> None:
        self.ask()
        self.answer(OK.replace(b"\r\n\r\n", b"\r\nKeep-Alive: timeout=2\r\n\r\n"))
        self.wait(2.5)
        self.assertTrue(self.far.wire.closed)

    def test_one_that_the_server_closes_is_forgotten(self) -> None:
        self.finish()
        self.far.close()
        self.ask()
        self.assertEqual(len(self.network.ends), 2)

    def test_one_on_which_the_server_speaks_unasked_is_not_used_again(self) -> None:
        self.finish()
        self.far.send(OK)
        self.assertTrue(self.far.wire.aborted)
        self.ask()
        self.assertEqual(len(self.network.ends), 2)

    def test_one_that_does_not_close_in_time_is_cut(self) -> None:
        self.finish()
        self.wait(12)
        self.assertTrue(self.far.wire.aborted)


class BoundTests(ProxyCase):
    limits = UpstreamLimits(max_connections=1, max_waiting=1, connect_timeout=3)

    def test_a_request_waits_for_a_connection(self) -> None:
        first, second = self.ask(), self.ask()
        self.assertEqual(len(self.network.ends), 1)
        self.far.send(OK)
        self.assertIn(b"hello", first.received)
        self.assertEqual(self.far.take().count(b"GET /x"), 2)
        self.far.send(OK)
        self.assertIn(b"hello", second.received)

    def test_a_connection_that_is_lost_makes_room_for_another(self) -> None:
        first, second = self.ask(), self.ask()
        self.far.close()
        self.assertTrue(first.received.startswith(b"HTTP/1.1 502 "))
        self.assertEqual(len(self.network.ends), 2)
        self.far.send(OK)
        self.assertIn(b"hello", second.received)

    def test_a_wait_ends(self) -> None:
        self.ask()
        second = self.ask()
        with self.says("no connection to it became free in time", "503"):
            self.wait(4.5)
        self.assertTrue(second.received.startswith(b"HTTP/1.1 503 "))
        self.assertEqual(self.server.failures, 0)

    def test_one_too_many_is_refused_at_once(self) -> None:
        self.ask()
        self.ask()
        with self.says("too many requests wait", "503"):
            third = self.ask()
        self.assertTrue(third.received.startswith(b"HTTP/1.1 503 "))

    def test_a_client_that_leaves_waits_no_more(self) -> None:
        self.ask()
        self.ask().lose()
        third = self.ask()
        self.far.send(OK)
        self.far.send(OK)
        self.assertIn(b"hello", third.received)
        self.assertEqual(self.server.in_flight, 0)


class StopTests(ProxyCase):
    limits = UpstreamLimits(max_connections=1)

    def test_a_stop_cuts_what_is_under_way_and_takes_nothing_more(self) -> None:
        first, second = self.ask(), self.ask()
        self.server.pool.stop()
        third = self.ask()
        for client in (first, second, third):
            self.assertTrue(client.received.startswith(b"HTTP/1.1 503 "), client.received)
        self.assertTrue(self.far.wire.aborted)
        self.far.settle()
        self.assertEqual((self.server.pool.connections, self.server.failures), (set(), 0))

    def test_nothing_is_kept_after_it(self) -> None:
        client = self.ask(GET)
        self.answer(OK)
        self.server.pool.stop()
        self.far.settle()
        self.assertIn(b"hello", client.received)
        self.assertEqual(self.server.pool.connections, set())
        self.assertEqual(
            [call for call in self.clock.getDelayedCalls() if call.getTime() > self.clock.seconds() + 2], []
        )


class EndpointTests(UnitTestCase):
    def endpoint(self, url: str) -> Any:
        return Pool(Clock(), Upstream(url)).endpoint

    def test_each_kind_of_address_has_its_own(self) -> None:
        for url, kind in (
            ("http://127.0.0.1:9000", TCP4ClientEndpoint),
            ("http://[::1]:9000", TCP6ClientEndpoint),
            ("http://app.example", NamedEndpoint),
            ("unix:/run/x.sock", LocalEndpoint),
        ):
            self.assertIsInstance(self.endpoint(url), kind)

    def test_tls_needs_a_context(self) -> None:
        self.assertRaises(ValueError, self.endpoint, "https://app.example")
