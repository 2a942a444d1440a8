"""A server at a Unix socket."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectError, ConnectingCancelledError, ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from duck_tx.proxy.local import LocalEndpoint
from tests.case import UnitTestCase


class LocalEndpointTests(UnitTestCase):
    def setUp(self) -> None:
        self.clock: Any = MemoryReactorClock()
        self.made = LocalEndpoint(self.clock, "/run/x.sock", timeout=9).connect(Factory.forProtocol(Protocol))

    @property
    def tries(self) -> int:
        return len(self.clock.unixClients)

    def refuse(self, error: Exception) -> None:
        self.clock.unixClients[-1][1].clientConnectionFailed(self.clock.connectors[-1], Failure(error))

    def test_a_socket_is_connected_to(self) -> None:
        path, factory, *_ = self.clock.unixClients[0]
        factory.buildProtocol(None).makeConnection(None)
        self.assertEqual(path, "/run/x.sock")
        self.assertIsInstance(self.successResultOf(self.made), Protocol)

    def test_a_full_queue_is_tried_again(self) -> None:
        for tries in (1, 2, 3):
            self.assertEqual(self.tries, tries)
            self.refuse(ConnectError(string=Failure(ConnectionDone())))
            self.assertNoResult(self.made)
            self.clock.advance(0.1)
        self.clock.unixClients[-1][1].buildProtocol(None).makeConnection(None)
        self.assertIsInstance(self.successResultOf(self.made), Protocol)

    def test_other_failures_are_final(self) -> None:
        self.refuse(ConnectError(2, "No such file or directory"))
        self.failureResultOf(self.made, ConnectError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_who_waits_no_more_ends_an_attempt(self) -> None:
        self.made.cancel()
        self.failureResultOf(self.made, ConnectingCancelledError)
        self.assertTrue(self.clock.connectors[0].stoppedConnecting)

    def test_who_waits_no_more_ends_the_wait(self) -> None:
        self.refuse(ConnectError(string=Failure(ConnectionDone())))
        self.made.cancel()
        self.failureResultOf(self.made, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])
