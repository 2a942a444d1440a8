"""One connection: what closes it, and how long everything may take."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from duck_tx.http.channel import Phase
from tests.unit.wire_case import GET, HELLO, POST, Connection, Hello, Waiting, WireCase


class DeadlineTests(WireCase):
    def setUp(self) -> None:
        super().setUp()
        self.site = self.site_of(
            Waiting(),
            first_byte_timeout=10,
            header_timeout=20,
            body_timeout=5,
            body_min_rate=100,
            keepalive_timeout=30,
            linger_timeout=2,
        )

    def lives_for(self, connection: Connection, seconds: float) -> None:
        """The connection is open until ``seconds`` from now, and then closed within two."""
        self.wait(seconds - 0.5)
        self.assertFalse(connection.wire.closed)
        self.wait(2)
        self.assertTrue(connection.wire.closed)

    def test_a_client_that_says_nothing(self) -> None:
        connection = self.connect()
        self.lives_for(connection, 10)
        self.assertEqual(connection.received, b"")

    def test_empty_lines_are_no_first_byte(self) -> None:
        connection = self.connect()
        connection.send(b"\r\n\r\n\r")
        self.lives_for(connection, 10)
        self.assertEqual(connection.received, b"")

    def test_a_head_that_drips(self) -> None:
        connection = self.connect()
        self.wait(9)
        for byte in GET[:18]:
            connection.send(bytes([byte]))
            self.wait(1)
        self.lives_for(connection, 2)
        self.assertTrue(connection.received.startswith(b"HTTP/1.1 408 Request Time-out\r\n"))

    def test_a_body_that_stops(self) -> None:
        connection = self.connect()
        connection.send(POST + b"Content-Length: 1000000\r\n\r\n")
        connection.send(b"a" * 100_000)
        self.wait(4)
        connection.send(b"a")
        self.lives_for(connection, 5)
        self.assertTrue(connection.received.startswith(b"HTTP/1.1 408 "))

    def test_a_body_that_drips(self) -> None:
        connection = self.connect()
        connection.send(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(5):
            connection.send(b"1\r\na\r\n")
            self.wait(1)
        self.wait(2)
        self.assertTrue(connection.received.startswith(b"HTTP/1.1 408 "))

    def test_a_body_at_a_good_rate_takes_its_time(self) -> None:
        connection = self.connect()
        connection.send(POST + b"Content-Length: 10000\r\n\r\n")
        for _ in range(100):
            connection.send(b"a" * 100)
            self.wait(1)
        self.assertEqual(connection.received, b"")
        self.assertIs(connection.channel.phase, Phase.RESPONSE)

    def test_an_idle_connection_is_not_kept_by_empty_lines(self) -> None:
        connection = self.connect()
        connection.send(GET)
        waiting: Any = self.site.resource
        waiting.requests.pop().finish()
        for _ in range(29):
            connection.send(b"\r\n")
            self.wait(1)
        self.lives_for(connection, 1)

    def test_a_response_that_is_being_made_has_no_deadline_here(self) -> None:
        connection = self.connect()
        connection.send(GET)
        self.wait(10_000)
        self.assertFalse(connection.wire.closed)

    def test_a_refused_client_is_cut_after_a_while(self) -> None:
        connection = self.connect()
        connection.send(b"NONSENSE\r\n\r\n")
        self.assertTrue(connection.wire.disconnecting)
        for _ in range(8):
            connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 1000)
            self.wait(0.5)
        self.assertTrue(connection.wire.aborted)
        self.assertEqual(connection.received.count(b"HTTP/1.1"), 1)


class SlowReaderTests(WireCase):
    def setUp(self) -> None:
        super().setUp()
        self.waiting = Waiting()
        self.site = self.site_of(self.waiting, write_timeout=10, write_min_rate=100, keepalive_timeout=5)
        self.connection = self.connect()
        self.connection.send(GET)

    def full(self) -> None:
        """The transport has taken all that it wants for now."""
        assert self.connection.wire.producer is not None
        self.connection.wire.producer.pauseProducing()

    def empty(self) -> None:
        assert self.connection.wire.producer is not None
        self.connection.wire.producer.resumeProducing()

    def test_a_client_that_reads_nothing_is_cut(self) -> None:
        self.waiting.requests[0].write(b"x" * 500)
        self.full()
        self.wait(9)
        self.assertFalse(self.connection.wire.aborted)
        self.wait(2)
        self.assertTrue(self.connection.wire.aborted)

    def test_a_client_that_reads_too_little_over_all_is_cut(self) -> None:
        request = self.waiting.requests[0]
        for _ in range(20):
            request.write(b"x" * 10)
            self.full()
            self.wait(5)
            if self.connection.wire.aborted:
                break
            self.empty()
        self.assertTrue(self.connection.wire.aborted)
        self.assertLess(request.sentLength, 50)

    def test_a_client_that_reads_at_a_good_rate_is_not(self) -> None:
        request = self.waiting.requests[0]
        for _ in range(20):
            request.write(b"x" * 600)
            self.full()
            self.wait(5)
            self.empty()
        self.assertFalse(self.connection.wire.closed)

    def test_the_wait_for_the_next_request_begins_when_the_response_is_out(self) -> None:
        request = self.waiting.requests[0]
        request.write(b"x" * 500)
        self.full()
        request.finish()
        self.wait(8)
        self.empty()
        self.wait(4)
        self.assertFalse(self.connection.wire.closed)
        self.wait(2)
        self.assertTrue(self.connection.wire.disconnecting)

    def test_requests_wait_while_the_client_does_not_read(self) -> None:
        self.waiting.requests[0].write(b"x")
        self.full()
        self.waiting.requests[0].finish()
        self.connection.send(GET)
        self.assertEqual(len(self.waiting.requests), 1)
        self.empty()
        self.assertEqual(len(self.waiting.requests), 2)


class PipelineTests(WireCase):
    def setUp(self) -> None:
        super().setUp()
        self.waiting = Waiting()
        self.site = self.site_of(self.waiting)
        self.connection = self.connect()

    def test_one_request_is_answered_at_a_time(self) -> None:
        self.connection.send(GET * 3)
        for number in range(1, 4):
            self.assertEqual(len(self.waiting.requests), number)
            self.waiting.requests[-1].write(b"%d" % number)
            self.waiting.requests[-1].finish()
        self.assertEqual([at for at in b"123" if at in self.connection.received.replace(b"1.1", b"")], list(b"123"))

    def test_what_is_sent_ahead_is_held_back(self) -> None:
        self.connection.send(*[GET * 200] * 1000)
        self.assertEqual(len(self.waiting.requests), 1)
        sent = 1000 * 200 * len(GET)
        self.assertLess(sent - self.connection.held_back, 200_000)
        self.assertEqual(self.connection.wire.producerState, "paused")

    def test_reading_goes_on_when_the_response_is_out(self) -> None:
        self.connection.send(*[GET * 200] * 20)
        for _ in range(200 * 20):
            self.waiting.requests[-1].finish()
            self.connection.settle()
        self.assertEqual(self.connection.held_back, 0)
        self.assertEqual(self.connection.wire.producerState, "producing")
        self.assertEqual(len(self.waiting.requests), 200 * 20)

    def test_a_thousand_answers_at_once_do_not_nest(self) -> None:
        connection = self.connect(self.site_of(Hello()))
        connection.send(GET * 3000)
        self.assertEqual(connection.received, HELLO * 3000)


@implementer(IPushProducer)
class Told:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def stopProducing(self) -> None:
        self.told.append("stop")


class SpareParserTests(WireCase):
    def test_an_idle_connection_leaves_its_parser_to_the_next_that_has_a_request(self) -> None:
        first, second = self.connect(), self.connect()
        first.send(GET)
        [parser] = self.site.parsers
        second.send(POST + b"Content-Length: 3\r\n\r\nab")
        self.assertEqual(self.site.parsers, [])
        first.send(GET)
        self.assertEqual(len(self.site.parsers), 1)
        self.assertIsNot(self.site.parsers[0], parser)
        second.send(b"c")
        self.assertEqual(len(self.site.parsers), 2)
        self.assertEqual(first.received.count(b"Hello, world!"), 2)
        self.assertEqual(second.received.count(b"Hello, world!"), 1)

    def test_one_that_has_seen_the_last_request_of_a_connection_is_let_go(self) -> None:
        self.connect().send(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        self.connect().send(b"nonsense\r\n\r\n")
        self.assertEqual(self.site.parsers, [])


class LastResponseTests(WireCase):
    def test_what_a_client_sent_ahead_is_read_away_after_the_last_response(self) -> None:
        waiting = Waiting()
        connection = self.connect(self.site_of(waiting, linger_timeout=2))
        connection.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), *[b"x" * 50_000] * 10)
        self.assertEqual(connection.wire.producerState, "paused")
        waiting.requests[0].finish()
        connection.settle()
        self.assertEqual(connection.held_back, 0)
        self.assertEqual(connection.channel.phase, Phase.LINGER)
        self.wait(4)
        self.assertTrue(connection.wire.aborted)

    def test_a_client_that_does_not_hang_up_holds_a_stop_until_its_patience_ends(self) -> None:
        waiting = Waiting()
        site = self.site_of(waiting, linger_timeout=3)
        connection = self.connect(site)
        connection.send(GET)
        down = site.drain()
        waiting.requests[0].finish()
        connection.settle()
        self.assertEqual(connection.channel.phase, Phase.LINGER)
        self.assertNoResult(down)
        # Sooner, and a client that is only slow to read would lose the answer with the connection.
        self.wait(2.5)
        self.assertFalse(connection.wire.aborted)
        self.wait(1.0)
        self.assertTrue(connection.wire.aborted)
        connection.settle()
        self.successResultOf(down)


class ClientGoneTests(WireCase):
    def setUp(self) -> None:
        super().setUp()
        self.waiting = Waiting()
        self.site = self.site_of(self.waiting, body_memory=1)
        self.connection = self.connect()
        self.connection.send(POST + b"Content-Length: 3\r\n\r\nabc")
        self.request = self.waiting.requests[0]

    def test_everybody_is_told(self) -> None:
        producer = Told()
        self.request.registerProducer(producer, True)
        told: list[str] = []
        self.request.when_lost(lambda: told.append("lost"))
        finished = self.request.notifyFinish()
        body = self.request.content
        self.connection.lose()
        self.assertEqual(producer.told, ["stop"])
        self.assertEqual(told, ["lost"])
        self.failureResultOf(finished, ConnectionDone)
        self.assertTrue(body.closed)
        self.assertEqual(self.site.channels, set())

    def test_one_that_fails_keeps_nobody_else_from_being_told(self) -> None:
        producer: Any = Told()
        producer.stopProducing = lambda: 1 / 0
        self.request.registerProducer(producer, True)
        self.request.when_lost(lambda: 1 / 0)
        finished = self.request.notifyFinish()
        self.connection.lose()
        self.failureResultOf(finished, ConnectionDone)
        self.assertEqual(self.site.channels, set())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    def test_writing_after_it_is_forgotten_and_finishing_an_error(self) -> None:
        self.connection.lose()
        self.request.write(b"x")
        self.assertRaises(RuntimeError, self.request.finish)
        self.assertEqual(self.connection.received, b"")

    def test_a_producer_that_comes_after_it_is_stopped(self) -> None:
        self.connection.lose()
        producer = Told()
        self.request.registerProducer(producer, True)
        self.assertEqual(producer.told, ["stop"])

    def test_a_client_that_leaves_within_its_body_leaves_nothing(self) -> None:
        before = len(os.listdir("/dev/fd"))
        connection = self.connect()
        connection.send(POST + b"Content-Length: 30\r\n\r\nabc")
        self.assertEqual(len(os.listdir("/dev/fd")), before + 1)
        connection.lose()
        self.assertEqual(len(os.listdir("/dev/fd")), before)
        self.assertEqual(len(self.waiting.requests), 1)

    def test_whoever_waits_for_the_end_is_told_of_a_good_one_too(self) -> None:
        finished = self.request.notifyFinish()
        body = self.request.content
        self.request.finish()
        self.assertIs(self.successResultOf(finished), None)
        self.assertTrue(body.closed)


class CloseTests(WireCase):
    def test_a_resource_may_close_the_connection(self) -> None:
        waiting = Waiting()
        connection = self.connect(self.site_of(waiting))
        connection.send(GET)
        waiting.requests[0].write(b"x")
        waiting.requests[0].loseConnection()
        self.assertTrue(connection.wire.disconnecting)
        before = connection.received
        waiting.requests[0].write(b"more")
        self.assertEqual(connection.received, before)
        connection.lose()

    def test_cutting_takes_effect_once(self) -> None:
        connection = self.connect()
        connection.channel.abort()
        connection.channel.abort()
        self.assertTrue(connection.wire.aborted)
        connection.send(GET)
        self.assertEqual(connection.received, b"")

    def test_a_producer_that_fails_when_all_is_over_is_only_logged(self) -> None:
        connection = self.connect()
        connection.channel.producer_failed(Failure(ZeroDivisionError()))
        self.assertFalse(connection.wire.closed)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
