"""All connections of a listener."""

from __future__ import annotations

from typing import Any

from duck_tx.http.channel import Phase
from duck_tx.http.site import Site
from tests.unit.wire_case import GET, HELLO, Connection, Hello, Waiting, WireCase


class ConnectionLimitTests(WireCase):
    def refused(self, connection: Connection) -> bool:
        received = connection.received
        self.assertEqual(received.startswith(b"HTTP/1.1 503 Service Unavailable\r\n"), connection.wire.disconnecting)
        self.assertEqual(b"\r\nRetry-After: 5\r\n" in received, connection.wire.disconnecting)
        return connection.wire.disconnecting

    def test_connections_in_all_are_limited(self) -> None:
        site = self.site_of(Hello(), max_connections=2)
        first, second, third = (self.connect(site, f"192.0.2.{number}") for number in range(3))
        self.assertEqual([self.refused(each) for each in (first, second, third)], [False, False, True])
        first.lose()
        self.assertFalse(self.refused(self.connect(site)))

    def test_connections_of_one_address_are_limited(self) -> None:
        site = self.site_of(Hello(), max_connections_per_address=1)
        first = self.connect(site)
        self.assertFalse(self.refused(first))
        self.assertTrue(self.refused(self.connect(site)))
        self.assertFalse(self.refused(self.connect(site, "192.0.2.9")))
        first.lose()
        self.assertFalse(self.refused(self.connect(site)))

    def test_peers_without_an_address_are_not_one_address(self) -> None:
        site = self.site_of(Hello(), max_connections_per_address=1)
        connections = [self.connect(site, client="") for _ in range(3)]
        self.assertEqual([self.refused(each) for each in connections], [False] * 3)


class FieldTests(WireCase):
    def test_the_server_field_may_be_left_out(self) -> None:
        site = Site(Hello(), reactor=self.clock, server_header="")
        connection = self.connect(site)
        connection.send(GET)
        self.assertEqual(connection.received, HELLO.replace(b"Server: duck_tx\r\n", b""))

    def test_an_access_log_that_fails_hurts_nobody(self) -> None:
        def log(request: Any) -> None:
            raise ZeroDivisionError

        connection = self.connect(Site(Hello(), reactor=self.clock, log=log))
        connection.send(GET * 2)
        self.assertEqual(connection.received, HELLO * 2)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_each_response_is_logged_when_it_is_whole(self) -> None:
        logged: list[tuple[int, int]] = []
        site = Site(Hello(), reactor=self.clock, log=lambda request: logged.append((request.code, request.sentLength)))
        self.connect(site).send(GET * 2, b"NONSENSE\r\n\r\n")
        self.assertEqual(logged, [(200, 13)] * 2)

    def test_one_that_breaks_off_is_logged_as_far_as_it_went(self) -> None:
        logged: list[tuple[int, int]] = []
        resource = Waiting()
        site = Site(resource, reactor=self.clock, log=lambda request: logged.append((request.code, request.sentLength)))
        streamed, unanswered = self.connect(site), self.connect(site)
        streamed.send(GET)
        unanswered.send(GET)
        resource.requests[0].setResponseCode(203)
        resource.requests[0].write(b"data: 1\n\n")
        self.assertEqual(logged, [])
        streamed.lose()
        unanswered.lose()
        self.assertEqual(logged, [(203, 9)])
        self.assertEqual(site.answered, 1)


class TimerTests(WireCase):
    def test_there_is_no_timer_without_connections(self) -> None:
        self.assertEqual(self.clock.getDelayedCalls(), [])
        connection = self.connect()
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        connection.lose()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_connection_that_cannot_be_closed_does_not_keep_others_open(self) -> None:
        broken, other = self.connect(), self.connect()
        outlet: Any = broken.channel.outlet
        outlet.close = lambda: 1 / 0
        self.wait(60)
        self.assertTrue(other.wire.closed)
        self.assertTrue(broken.wire.closed)
        self.flushLoggedErrors(ZeroDivisionError)


class DrainTests(WireCase):
    def setUp(self) -> None:
        super().setUp()
        self.waiting = Waiting()
        self.site = self.site_of(self.waiting)

    def test_a_site_without_connections_is_drained_at_once(self) -> None:
        self.successResultOf(self.site.drain())

    def test_an_idle_client_has_a_second_to_speak(self) -> None:
        idle, late = self.connect(), self.connect()
        drained = self.site.drain()
        self.wait(0.8)
        late.send(GET)
        self.wait(0.5)
        self.assertTrue(idle.wire.disconnecting)
        self.assertFalse(late.wire.closed)
        self.waiting.requests[0].finish()
        self.assertIn(b"Connection: close\r\n", late.received)
        self.assertTrue(late.wire.disconnecting)
        self.assertNoResult(drained)
        idle.lose()
        self.assertNoResult(drained)
        late.lose()
        self.successResultOf(drained)

    def test_what_is_in_flight_is_finished(self) -> None:
        connection = self.connect()
        connection.send(GET)
        drained = self.site.drain()
        self.wait(100)
        self.assertNoResult(drained)
        self.waiting.requests[0].write(b"late")
        self.waiting.requests[0].finish()
        self.assertIn(b"Connection: close\r\n", connection.received)
        # What the client has sent meanwhile must not turn the close into a reset.
        self.assertEqual(connection.channel.phase, Phase.LINGER)
        self.assertTrue(connection.received.endswith(b"\r\n4\r\nlate\r\n0\r\n\r\n"))
        connection.lose()
        self.successResultOf(drained)

    def test_a_client_that_was_promised_more_may_ask_once_more(self) -> None:
        connection = self.connect()
        connection.send(GET)
        self.waiting.requests[0].write(b"begun")
        drained = self.site.drain()
        self.wait(50)
        self.waiting.requests[0].finish()
        self.wait(0.5)
        connection.send(GET)
        self.assertEqual(len(self.waiting.requests), 2)
        self.waiting.requests[1].finish()
        self.assertIn(b"Connection: close\r\n", connection.received)
        connection.lose()
        self.successResultOf(drained)

    def test_a_client_that_was_accepted_late_is_answered(self) -> None:
        first = self.connect()
        drained = self.site.drain()
        late = self.connect()
        late.send(GET)
        first.lose()
        self.waiting.requests[0].finish()
        late.lose()
        self.successResultOf(drained)

    def test_aborting_cuts_every_connection(self) -> None:
        connections = [self.connect() for _ in range(3)]
        connections[0].send(GET)
        drained = self.site.drain()
        self.assertEqual(self.site.abort(), 3)
        for connection in connections:
            self.assertTrue(connection.wire.aborted)
            connection.lose()
        self.successResultOf(drained)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_answers_without_an_end_are_ended(self) -> None:
        ended: list[str] = []

        def fail() -> None:
            raise ValueError("cannot end")

        self.site.farewells |= {fail, lambda: ended.append("one"), lambda: ended.append("other")}
        self.successResultOf(self.site.drain())
        self.assertEqual((len(ended), self.site.farewells), (2, set()))
        self.assertEqual([failure.type for failure in self.flushLoggedErrors()], [ValueError])
        self.site.farewells.add(lambda: ended.append("later"))
        self.successResultOf(self.site.leave())
        self.assertEqual(ended[2:], ["later"])
