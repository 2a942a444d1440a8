"""How HTTP/2 connections come to a good end: by a drain, or because nobody asks anything any more."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from duck_tx.http.limits import Limits
from tests.unit.http2_case import Http2Case, Http2Site
from tests.unit.http2_client import Client
from tests.unit.http2_frames import (
    WINDOW,
    Code,
    asked,
    data,
    headers,
    ping,
    post,
    request,
    reset,
)
from tests.unit.wire_case import Hello, Waiting


class DrainTests(Http2Case):
    """A site that stops."""

    def drain(self, *clients: Client) -> list[None]:
        """Begin, and say when it is over."""
        over: list[None] = []
        drained: Deferred[None] = self.site.drain()
        drained.addCallback(over.append)
        for client in clients:
            client.settle()
        return over

    def goes(self, client: Client, over: list[None]) -> None:
        """An idle client is told goodbye and closed."""
        client.wait(3)
        self.assertTrue(client.goaways)
        self.assertFalse(client.failed)
        self.assertTrue(client.wire.closed)
        self.leaves_nothing(client)
        self.assertEqual(len(over), 1)

    def test_an_idle_client_is_told_goodbye_and_closed(self) -> None:
        client = self.started()
        over = self.drain(client)
        self.assertEqual([code for _last, code in client.goaways][:1], [Code.NO_ERROR])
        self.assertEqual(over, [])
        self.goes(client, over)

    def test_a_client_that_has_not_spoken_yet_is_closed(self) -> None:
        client = self.client()
        over = self.drain(client)
        client.wait(3)
        self.assertTrue(client.wire.closed)
        self.leaves_nothing(client)
        self.assertEqual(len(over), 1)

    def test_a_client_whose_first_request_comes_during_the_drain_is_answered(self) -> None:
        client = self.client()
        over = self.drain(client)
        client.start()
        client.send(post(1))
        client.wait(3)
        client.send(data(1, b"duck", end=True))
        self.assertTrue(client.response(1).body.endswith(b"duck"))
        self.assertTrue(client.response(1).complete)
        self.goes(client, over)

    def test_what_is_in_progress_is_finished_first(self) -> None:
        client = self.started()
        client.send(request(1, b"/wait"), post(3), data(3, b"du"))
        over = self.drain(client)
        client.wait(5)
        self.assertFalse(client.wire.closed)
        self.assertGreaterEqual(min(last for last, _code in client.goaways), 3)
        client.send(data(3, b"ck", end=True))
        self.assertTrue(client.response(3).body.endswith(b"duck"))
        self.assertTrue(client.answers())
        (waiting,) = self.waiting.requests
        waiting.write(b"at last")
        waiting.finish()
        client.settle()
        self.assertEqual(bytes(client.response(1).body), b"at last")
        self.goes(client, over)

    def test_a_body_that_waits_for_its_window_is_finished_first(self) -> None:
        client = self.started()
        self.flow.size = WINDOW + 10
        client.send(request(1, b"/flow"))
        over = self.drain(client)
        client.wait(2)
        client.grant(0, 10)
        client.grant(1, 10)
        self.assertTrue(client.response(1).complete)
        self.goes(client, over)

    def test_a_request_that_was_on_its_way_is_answered_or_free_to_be_sent_elsewhere(self) -> None:
        client = self.started()
        client.send(request(1))
        over = self.drain(client)
        client.send(request(3))
        client.wait(3)
        last = client.goaways[-1][0]
        self.assertTrue(client.response(1).complete)
        if last >= 3:
            self.assertTrue(client.response(3).complete)
        else:
            self.assertEqual(self.site.asked, [b"/hello"])
            self.assertFalse(client.failed)
        self.goes(client, over)

    def test_what_comes_too_late_still_goes_through_the_field_table(self) -> None:
        client = self.started()
        client.send(post(1))
        self.drain(client)
        client.wait(2)
        fields = [*asked(), (b"x-duck", b"quack")]
        client.send(
            headers(3, client.encoder.encode(fields)), headers(1, client.encoder.encode([(b"x-duck", b"quack")]))
        )
        self.assertFalse(client.failed)
        self.assertTrue(client.response(1).complete)

    def test_a_connection_that_comes_during_the_drain_is_told_goodbye(self) -> None:
        first = self.started()
        first.send(request(1, b"/wait"))
        over = self.drain(first)
        late = self.client()
        late.start()
        late.wait(3)
        self.assertTrue(late.goaways)
        self.assertTrue(late.wire.closed)
        self.leaves_nothing(late)
        first.lose()
        self.assertEqual(len(over), 1)

    def test_an_error_during_the_drain_is_told(self) -> None:
        client = self.started()
        client.send(request(1, b"/wait"))
        self.drain(client)
        client.send(data(0))
        self.assertEqual(client.goaways[-1][1], Code.PROTOCOL_ERROR)
        self.assertTrue(client.wire.closed)

    def test_a_site_that_has_no_more_patience_cuts_every_connection(self) -> None:
        client = self.started()
        client.send(request(1, b"/wait"))
        over = self.drain(client)
        self.assertEqual(self.site.abort(), 1)
        client.settle()
        self.assertTrue(client.wire.aborted)
        self.assertEqual(len(over), 1)


class IdleTests(Http2Case):
    """Connections on which nothing happens."""

    def test_a_client_that_asks_nothing_is_told_goodbye(self) -> None:
        client = self.started()
        client.wait(62)
        self.assertEqual([code for _last, code in client.goaways], [Code.NO_ERROR])
        self.assertTrue(client.wire.closed)

    def test_a_client_that_asks_nothing_more_is_told_goodbye(self) -> None:
        client = self.started()
        client.wait(50)
        client.send(request(1))
        client.wait(50)
        self.assertEqual(client.goaways, [])
        client.send(request(3))
        client.wait(62)
        self.assertEqual(client.goaways[-1], (3, Code.NO_ERROR))
        self.assertTrue(client.wire.closed)
        self.leaves_nothing(client)

    def test_a_client_that_waits_for_its_answer_is_not_idle(self) -> None:
        client = self.started()
        client.send(request(1, b"/wait"))
        client.wait(300)
        self.assertFalse(client.wire.closed)
        self.waiting.requests[0].write(b"late")
        self.waiting.requests[0].finish()
        client.settle()
        self.assertEqual(bytes(client.response(1).body), b"late")
        self.proves_alive(client)


class LogTests(Http2Case):
    def test_each_whole_response_is_logged_once(self) -> None:
        logged: list[tuple[bytes, bytes, int, int]] = []

        def log(request: Any) -> None:
            logged.append((request.method, request.uri, request.code, request.sentLength))

        site = Http2Site(Hello(), reactor=self.clock, limits=Limits(), seconds=self.clock.seconds, secure=True, log=log)
        client = Client(site, self.clock)
        client.start()
        client.send(request(1, b"/a"), request(3, b"/b", method=b"HEAD"), ping(), request(5, b"/c"))
        self.assertEqual(logged, [(b"GET", b"/a", 200, 13), (b"HEAD", b"/b", 200, 0), (b"GET", b"/c", 200, 13)])

    def test_one_that_its_client_breaks_off_is_logged_as_far_as_it_went(self) -> None:
        logged: list[tuple[int, int]] = []

        def log(request: Any) -> None:
            logged.append((request.code, request.sentLength))

        resource = Waiting()
        site = Http2Site(resource, reactor=self.clock, limits=Limits(), seconds=self.clock.seconds, log=log)
        client = Client(site, self.clock)
        client.start()
        client.send(request(1), request(3))
        resource.requests[0].write(b"data: 1\n\n")
        client.settle()
        client.send(reset(1), reset(3))
        self.assertEqual(logged, [(200, 9)])
