"""A server by its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectionRefusedError, DNSLookupError
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from duck_tx.proxy.named import NamedEndpoint
from tests.case import UnitTestCase

SIX = IPv6Address("TCP", "::1", 9000)
FOUR = IPv4Address("TCP", "127.0.0.1", 9000)


class Resolver:
    """Knows the addresses of one name, and tells them at once or when it is asked to.

    :ivar asked: names and ports that were looked up.
    """

    def __init__(self, *addresses: Any, is_slow: bool = False) -> None:
        self._addresses = addresses
        self._is_slow = is_slow
        self.asked: list[tuple[str, int]] = []
        self.tell: Callable[[], None] = lambda: None

    def resolveHostName(self, receiver: Any, hostName: str, portNumber: int) -> None:
        def tell() -> None:
            for address in self._addresses:
                receiver.addressResolved(address)
            receiver.resolutionComplete()

        self.asked.append((hostName, portNumber))
        self.tell = tell
        if not self._is_slow:
            tell()


class NamedEndpointTests(UnitTestCase):
    def begin(self, *addresses: Any, is_slow: bool = False) -> None:
        self.clock: Any = MemoryReactorClock()
        self.resolver = Resolver(*addresses, is_slow=is_slow)
        self.patch(self.clock, "nameResolver", self.resolver)
        endpoint = NamedEndpoint(self.clock, "my_service", 9000, timeout=10)
        self.made = endpoint.connect(Factory.forProtocol(Protocol))

    @property
    def tried(self) -> list[str]:
        return [host for host, *_ in self.clock.tcpClients]

    def refuse(self, number: int) -> None:
        factory = self.clock.tcpClients[number][2]
        factory.clientConnectionFailed(self.clock.connectors[number], Failure(ConnectionRefusedError()))

    def accept(self, number: int) -> Any:
        protocol = self.clock.tcpClients[number][2].buildProtocol(None)
        protocol.makeConnection(None)
        return self.successResultOf(self.made)

    def assert_over(self) -> None:
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_name_with_one_address_is_that(self) -> None:
        self.begin(FOUR)
        self.assertEqual(self.resolver.asked, [("my_service", 9000)])
        self.assertEqual(self.clock.tcpClients[0][:2], ("127.0.0.1", 9000))
        self.assertIsInstance(self.accept(0), Protocol)
        self.assert_over()

    def test_the_next_address_is_tried_at_once_when_one_fails(self) -> None:
        self.begin(SIX, FOUR)
        self.assertEqual(self.tried, ["::1"])
        self.refuse(0)
        self.assertEqual(self.tried, ["::1", "127.0.0.1"])
        self.accept(1)
        self.assert_over()

    def test_the_next_address_is_tried_beside_one_that_takes_long(self) -> None:
        self.begin(SIX, FOUR)
        self.clock.advance(0.3)
        self.assertEqual(self.tried, ["::1", "127.0.0.1"])
        self.accept(1)
        self.assertTrue(self.clock.connectors[0].stoppedConnecting)
        self.assert_over()

    def test_the_last_one_to_fail_says_why(self) -> None:
        self.begin(SIX, FOUR)
        self.clock.advance(0.3)
        self.refuse(1)
        self.assertNoResult(self.made)
        self.refuse(0)
        self.failureResultOf(self.made, ConnectionRefusedError)
        self.assert_over()

    def test_a_name_without_an_address_is_no_server(self) -> None:
        self.begin()
        error = self.failureResultOf(self.made, DNSLookupError)
        self.assertIn("my_service", str(error.value))

    def test_who_waits_no_more_ends_all_attempts(self) -> None:
        self.begin(SIX, FOUR, IPv4Address("TCP", "127.0.0.2", 9000))
        self.clock.advance(0.3)
        self.made.cancel()
        self.failureResultOf(self.made, CancelledError)
        self.assertEqual([each.stoppedConnecting for each in self.clock.connectors], [True, True])
        self.clock.advance(1)
        self.assertEqual(len(self.tried), 2)
        self.assert_over()

    def test_an_address_that_is_found_too_late_is_not_tried(self) -> None:
        self.begin(FOUR, is_slow=True)
        self.made.cancel()
        self.failureResultOf(self.made, CancelledError)
        self.resolver.tell()
        self.assertEqual(self.tried, [])
