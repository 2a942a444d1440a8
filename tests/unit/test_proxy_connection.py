"""A connection to a server, as the system sees it."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

from twisted.internet.tcp import Connection

from duck_tx.proxy.connection import UpstreamConnection
from tests.unit.proxy_case import GET, OK, ProxyCase
from tests.unit.test_proxy_passage import ASK, SWITCH


class AliveTests(ProxyCase):
    def setUp(self) -> None:
        super().setUp()
        self.far_end, near = socket.socketpair()
        self.addCleanup(self.far_end.close)
        self.addCleanup(near.close)
        asker: Any = None
        self.upstream = UpstreamConnection(self.server.pool, asker)
        self.upstream.transport = Connection(near, self.upstream, self.clock)  # type: ignore[arg-type]

    def test_it_is_alive_while_nothing_has_come(self) -> None:
        self.assertTrue(self.upstream.is_alive)

    def test_it_is_not_when_the_server_has_closed_it(self) -> None:
        self.far_end.close()
        self.assertFalse(self.upstream.is_alive)

    def test_it_is_not_when_the_server_has_said_something(self) -> None:
        self.far_end.send(b"x")
        self.assertFalse(self.upstream.is_alive)

    def test_it_is_not_when_it_is_broken(self) -> None:
        self.upstream.transport.getHandle().close()
        self.assertFalse(self.upstream.is_alive)

    def test_it_is_asked_below_what_encrypts(self) -> None:
        self.upstream.transport = SimpleNamespace(transport=self.upstream.transport)
        self.assertTrue(self.upstream.is_alive)
        self.far_end.close()
        self.assertFalse(self.upstream.is_alive)


class ClosingTests(ProxyCase):
    def test_an_idle_connection_that_is_being_closed_waits_for_nothing_and_is_not_used_again(self) -> None:
        self.ask()
        self.answer(OK)
        self.wait(self.limits.kept_timeout + 1.5)
        [end] = self.network.ends
        self.assertTrue(end.wire.disconnecting)
        # TLS sends its goodbye when nobody is registered, and is gone when the server has sent its own.
        self.assertIsNone(end.wire.producer)
        self.ask()
        self.assertEqual([each.received.count(b"GET /x") for each in self.network.ends], [1, 1])

    def test_one_that_is_gone_is_not_cut_as_well(self) -> None:
        client = self.ask(ASK)
        self.answer(SWITCH)
        self.far.close()
        client.lose()
        self.assertFalse(self.far.wire.aborted)
        self.assertEqual(self.server.in_flight, 0)


class CheckTests(ProxyCase):
    def test_a_request_that_cannot_be_repeated_is_not_sent_on_a_dead_connection(self) -> None:
        self.ask()
        self.answer(OK)
        self.patch(UpstreamConnection, "is_alive", False)
        self.ask(GET.replace(b"GET", b"POST"))
        self.assertEqual(len(self.network.ends), 2)
        self.assertTrue(self.network.ends[0].wire.closed)
