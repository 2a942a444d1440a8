"""Django at an address of its own: a start that waits for it, and what is known of it."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from duck_tx.errors import ApplicationError
from duck_tx.proxy.backend import Backend
from duck_tx.settings import Settings
from tests.case import UnitTestCase
from tests.unit.logged import logged_lines


class _Part:
    """Something that has to run for it."""

    def __init__(self, name: str, events: list[str], error: Exception | None = None) -> None:
        self._name = name
        self._events = events
        self._error = error

    def startService(self) -> None:
        if self._error is not None:
            raise self._error
        self._events.append(f"start {self._name}")

    def stopService(self) -> None:
        self._events.append(f"stop {self._name}")


class BackendTests(UnitTestCase):
    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.events: list[str] = []

    def backend(self, *parts: Any, wait_time: float = 3.0) -> Backend:
        return Backend(
            "127.0.0.1:8001", self.reactor, host="site.example", wait_time=wait_time, request_timeout=120.0,
            parts=lambda: list(parts),
        )  # fmt: skip

    def started(self, backend: Backend) -> Deferred[None]:
        return Deferred.fromCoroutine(backend.startService())

    def answer(self, data: bytes = b"HTTP/1.1 400 Bad Request\r\n") -> StringTransport:
        """Somebody is there, and says this to the question."""
        protocol = self.reactor.tcpClients[-1][2].buildProtocol(None)
        assert protocol is not None
        transport = StringTransport()
        protocol.makeConnection(transport)
        for each in data:
            protocol.dataReceived(bytes([each]))
        return transport

    def refuse(self) -> None:
        factory: Any = self.reactor.tcpClients[-1][2]
        factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))

    def test_a_start_is_over_when_something_answers(self) -> None:
        backend = self.backend(_Part("gateway", self.events), _Part("port", self.events))
        started = self.started(backend)
        self.assertEqual(self.events, ["start gateway", "start port"])
        self.refuse()
        self.assertNoResult(started)
        self.assertFalse(backend.is_up)
        self.reactor.advance(0.1)
        transport = self.answer()
        self.successResultOf(started)
        self.assertTrue(backend.is_up)
        self.assertTrue(transport.value().startswith(b"OPTIONS * HTTP/1.1\r\nHost: site.example\r\n"))
        self.assertEqual(len(self.reactor.tcpClients), 2)

    def test_open_websockets_leave_connections_for_pages(self) -> None:
        limits = self.backend()._server.pool.limits
        self.assertGreaterEqual(limits.max_connections, Settings().http.max_connections)

    def test_nobody_in_time_fails_the_start_and_stops_what_ran(self) -> None:
        backend = self.backend(_Part("gateway", self.events))
        started = self.started(backend)
        for _ in range(31):
            self.refuse()
            self.reactor.advance(0.1)
        self.refuse()
        error = self.failureResultOf(started, ApplicationError).value
        self.assertEqual(
            str(error),
            "Django at 127.0.0.1:8001 has not answered within 3 s (Connection was refused by other side.): see that it"
            " runs there, or give it longer with gateway.wait_time.",
        )
        self.assertEqual(self.events, ["start gateway", "stop gateway"])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_a_stop_meanwhile_ends_the_wait(self) -> None:
        for happens in (self.refuse, lambda: self.answer(b""), lambda: None):
            self.events.clear()
            backend = self.backend(_Part("gateway", self.events))
            started = self.started(backend)
            happens()
            started.cancel()
            stopped = Deferred.fromCoroutine(backend.stopService())
            self.reactor.advance(0.1)
            self.successResultOf(stopped)
            self.failureResultOf(started, CancelledError)
            self.assertEqual(self.events, ["start gateway", "stop gateway"])
            self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_silence_and_other_protocols_are_no_answers(self) -> None:
        started = self.started(self.backend(wait_time=1.0))
        self.answer(b"SSH-2.0-OpenSSH_9.2p1\r\n")
        self.reactor.advance(0.1)
        self.answer(b"")
        self.reactor.pump([0.1] * 11)
        said = str(self.failureResultOf(started, ApplicationError).value)
        # The last try was cut short, and so tells nothing.
        self.assertIn("has not answered within 1 s (it does not speak HTTP): ", said)
        started = self.started(self.backend(wait_time=1.0))
        self.reactor.pump([0.1] * 11)
        said = str(self.failureResultOf(started, ApplicationError).value)
        self.assertIn("has not answered within 1 s (nothing came back): ", said)

    def test_what_cannot_start_stops_what_did(self) -> None:
        broken = _Part("port", self.events, PortErrorOfTest("port 8001 is in use"))
        started = self.started(self.backend(_Part("gateway", self.events), broken))
        self.failureResultOf(started, PortErrorOfTest)
        self.assertEqual(self.events[0], "start gateway")
        self.assertIn("stop gateway", self.events)

    def test_somebody_else_s_is_asked_again_from_time_to_time(self) -> None:
        backend = self.backend()
        started = self.started(backend)
        self.answer()
        self.successResultOf(started)
        with logged_lines() as lines:
            for _ in range(3):
                self.reactor.advance(6.0)
                self.refuse()
            self.assertFalse(backend.is_up)
            self.reactor.advance(6.0)
            self.answer()
            self.assertTrue(backend.is_up)
        self.assertEqual(
            lines,
            [
                "Django at 127.0.0.1:8001 does not answer: its health check fails: the connection was refused",
                "Django at 127.0.0.1:8001 answers",
            ],
        )
        self.successResultOf(Deferred.fromCoroutine(backend.stopService()))
        self.assertFalse(backend.is_up)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_it_stops_in_the_other_order_and_may_start_again(self) -> None:
        backend = self.backend(_Part("gateway", self.events), _Part("port", self.events))
        for _ in range(2):
            self.events.clear()
            started = self.started(backend)
            self.answer()
            self.successResultOf(started)
            self.successResultOf(Deferred.fromCoroutine(backend.stopService()))
            self.assertEqual(self.events, ["start gateway", "start port", "stop port", "stop gateway"])

    def test_a_connection_that_ends_without_an_answer_is_none(self) -> None:
        started = self.started(self.backend(wait_time=0.0))
        protocol = self.reactor.tcpClients[-1][2].buildProtocol(None)
        assert protocol is not None
        protocol.makeConnection(StringTransport())
        protocol.connectionLost(Failure(ConnectionDone()))
        self.failureResultOf(started, ApplicationError)


class PortErrorOfTest(ApplicationError):
    """Something is in the way."""
