"""Requests through ASGI."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from duck_tx.gateway.asgi.flow import AHEAD, Inflow
from tests.unit.asgi_case import START, AsgiCase, Event, Receive, Scope, Send, body, hello, sending, whole_body
from tests.unit.wsgi_case import dechunked, parsed

_FAILED = (500, b"500 Internal Server Error\n\nThe application could not make this page. The server's log says why.\n")


class ResponseTests(AsgiCase):
    def test_a_small_response_leaves_as_a_whole(self) -> None:
        answer = self.get(hello)
        self.assertEqual((answer.code, answer.body), (200, b"hello"))
        self.assertEqual((answer.fields["content-length"], answer.fields["content-type"]), ("5", "text/plain"))
        self.assertLogged()

    def test_the_head_waits_for_the_body(self) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await send(START)
            await asyncio.Event().wait()

        self.serve(application)
        self.assertEqual(self.ask().raw, b"")

    def test_a_response_piece_by_piece(self) -> None:
        answer = self.get(sending(START, body(b"a", True), body(b"", True), body(b"b", True), body(b"")))
        self.assertEqual((answer.body, answer.whole), (b"ab", True))
        self.assertEqual(answer.fields["transfer-encoding"], "chunked")

    def test_nothing_is_kept_back(self) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await send(START)
            await send(body(b"", True))
            await asyncio.Event().wait()

        self.serve(application)
        self.assertIn(b"200 OK", self.ask().raw)

    def test_values_that_are_like_bytes_are_taken(self) -> None:
        start = {**START, "headers": ((b"x", b"1") for _ in range(1))}
        answer = self.get(sending(start, body(bytearray(b"a"), True), body(memoryview(b"b"))))  # type: ignore[arg-type]
        self.assertEqual((answer.body, answer.fields["x"]), (b"ab", "1"))

    def test_defaults_of_events(self) -> None:
        answer = self.get(sending({"type": "http.response.start", "status": 204}, {"type": "http.response.body"}))
        self.assertEqual((answer.code, answer.body), (204, b""))

    def test_a_file_is_sent_by_its_path(self) -> None:
        path = Path(self.mktemp())
        path.write_bytes(b"x" * 100_000)
        answer = self.get(sending(START, {"type": "http.response.pathsend", "path": str(path)}))
        self.assertEqual((answer.body, answer.fields["content-length"]), (b"x" * 100_000, "100000"))

    def test_a_file_that_is_not_there_is_the_applications_mistake(self) -> None:
        answer = self.get(sending(START, {"type": "http.response.pathsend", "path": self.mktemp()}))
        self.assertEqual(answer.code, 500)
        self.assertLogged("the application failed")

    def test_an_application_waits_for_a_client_that_does_not_read(self) -> None:
        sent: list[int] = []
        go = asyncio.Event()

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await go.wait()
            await send(START)
            for number in range(10):
                sent.append(number)
                await send(body(b"x" * AHEAD, True))
            await send(body(b""))

        self.serve(application)
        peer = self.ask()
        peer.stop_reading()
        go.set()
        self.turn()
        self.assertEqual(len(sent), 1)
        peer.read_on()
        self.turn()
        self.assertEqual(len(sent), 10)
        self.assertEqual(len(parsed(peer.raw).body), 10 * AHEAD)

    def test_the_next_request_is_answered_too(self) -> None:
        self.serve(hello)
        peer = self.ask()
        peer.ask()
        self.turn()
        self.assertEqual(peer.raw.count(b"HTTP/1.1 200"), 2)


class BodyTests(AsgiCase):
    def echo(self) -> Any:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            data = await whole_body(receive)
            await send(START)
            await send(body(data))

        return application

    def test_a_request_without_a_body_has_an_empty_one(self) -> None:
        self.assertEqual(self.get(self.echo()).body, b"")

    def test_a_body_that_comes_with_the_head(self) -> None:
        self.assertEqual(self.get(self.echo(), method="POST", data=b"data").body, b"data")

    def test_a_body_that_comes_in_pieces(self) -> None:
        self.serve(self.echo())
        peer = self.connect()
        peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in (b"3\r\nabc\r\n", b"2\r\nde\r\n", b"0\r\n\r\n"):
            self.turn()
            peer.send(piece)
        self.turn()
        self.assertEqual(parsed(peer.raw).body, b"abcde")

    def test_what_is_taken_before_the_client_has_to_wait_keeps_it_from_that(self) -> None:
        taken: list[int] = []

        def put(flow: Inflow[bytes], piece: bytes) -> bool:
            # As a loop on a thread of its own may do it.
            flow.pieces.append(piece)
            flow.taken(len(flow.pieces.popleft()))
            taken.append(len(piece))
            return True

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()

        self.patch(Inflow, "put", put)
        self.serve(application)
        peer = self.connect()
        peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
        self.turn()
        for _ in range(3):
            peer.send(b"abc")
        self.assertEqual(taken, [3, 3, 3])

    def test_the_application_is_called_before_the_body_is_there(self) -> None:
        events: list[Event] = []

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            while not events or events[-1]["more_body"]:
                events.append(await receive())

        self.serve(application)
        peer = self.connect()
        peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
        self.turn()
        self.assertEqual(events, [{"type": "http.request", "body": b"ab", "more_body": True}])
        peer.send(b"cd")
        self.turn()
        self.assertEqual(b"".join(event["body"] for event in events), b"abcd")
        self.assertFalse(events[-1]["more_body"])

    def test_a_client_that_asks_to_go_on_is_told_when_the_application_reads(self) -> None:
        go = asyncio.Event()

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await go.wait()
            await self.echo()(scope, receive, send)

        self.serve(application)
        peer = self.connect()
        peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        self.turn()
        self.assertEqual(peer.raw, b"")
        go.set()
        self.turn()
        self.assertEqual(peer.raw, b"HTTP/1.1 100 Continue\r\n\r\n")
        peer.send(b"ok")
        self.turn()
        self.assertTrue(peer.raw.endswith(b"\r\n\r\nok"))

    def test_a_body_that_nobody_reads_waits_with_the_client(self) -> None:
        go = asyncio.Event()
        sizes: list[int] = []

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await go.wait()
            while True:
                event = await receive()
                sizes.append(len(event["body"]))
                if not event["more_body"]:
                    break
            await hello(scope, receive, send)

        self.serve(application)
        peer = self.connect()
        peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 10_000)
        self.turn()
        left, sent = 990_000, 0
        while left and peer.transport.producerState == "producing" and sent < 40:
            peer.send(b"x" * 10_000)
            left -= 10_000
            sent += 1
            self.turn()
        self.assertLess(sent, 20)
        go.set()
        self.turn()
        while left:
            self.assertEqual(peer.transport.producerState, "producing")
            peer.send(b"x" * 10_000)
            left -= 10_000
            self.turn()
        self.assertEqual(parsed(peer.raw).code, 200)
        self.assertEqual(sum(sizes), 990_000)

    def test_after_the_response_a_body_is_of_no_use(self) -> None:
        seen: list[Event] = []

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await hello(scope, receive, send)
            seen.append(await receive())

        self.serve(application)
        peer = self.connect()
        peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
        self.turn()
        self.assertEqual(seen, [{"type": "http.disconnect"}])
        self.assertEqual(parsed(peer.raw).code, 200)

    def test_a_body_that_is_too_large_ends_the_call(self) -> None:
        seen: list[str] = []

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            while not seen or seen[-1] != "http.disconnect":
                seen.append((await receive())["type"])

        self.serve(application, max_body=10)
        peer = self.connect()
        peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n")
        self.turn()
        peer.send(b"9\r\nabcdefghi\r\n")
        self.turn()
        self.assertEqual((parsed(peer.raw).code, seen[-1]), (413, "http.disconnect"))
        self.assertLogged()


class MistakeTests(AsgiCase):
    """Each ends in an answer, or a cut one, and one line in the log."""

    def assertFails(self, application: Any, said: str) -> None:
        answer = self.get(application)
        self.assertEqual((answer.code, answer.body), _FAILED)
        self.assertLogged(said)

    def test_no_answer(self) -> None:
        self.assertFails(sending(), "the application returned without a response")

    def test_a_head_alone(self) -> None:
        self.assertFails(sending(START), "returned without a response")

    def test_a_response_without_its_end(self) -> None:
        self.serve(sending(START, body(b"some", True)))
        peer = self.ask()
        self.assertTrue(peer.cut or peer.transport.disconnecting)
        self.assertFalse(parsed(peer.raw).whole)
        self.assertLogged("returned before the end of its response")

    def test_an_exception(self) -> None:
        for error in (ValueError("no"), SystemExit(1), KeyboardInterrupt(), asyncio.CancelledError()):
            with self.subTest(error=error):
                self.lines.clear()

                async def application(scope: Scope, receive: Receive, send: Send, error: BaseException = error) -> None:
                    raise error

                self.assertFails(application, "the application failed")

    def test_an_exception_half_way(self) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await send(START)
            await send(body(b"some", True))
            raise ValueError("half-way")

        self.serve(application)
        peer = self.ask()
        self.assertFalse(dechunked(peer.raw.partition(b"\r\n\r\n")[2])[1])
        self.assertTrue(peer.cut or peer.transport.disconnecting)
        self.assertLogged("the application failed")

    def test_an_exception_after_the_end(self) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await hello(scope, receive, send)
            raise ValueError("too late")

        self.assertEqual(self.get(application).body, b"hello")
        self.assertLogged("the application failed")

    def test_more_after_the_end(self) -> None:
        self.assertEqual(self.get(sending(START, body(b"all"), body(b"more"))).body, b"all")
        self.assertLogged("the application failed")

    def test_events_in_no_order(self) -> None:
        rows: Any = ([body(b"x")], [START, START], [{"type": "websocket.accept"}], [{"type": 3}], [{}], [3])
        for events in rows:
            with self.subTest(events=events):
                self.lines.clear()
                self.assertFails(sending(*events), "the application failed")

    def test_values_of_wrong_types(self) -> None:
        for events in (
            [{"type": "http.response.start"}],
            [{**START, "status": "200"}],
            [{**START, "status": 99}],
            [{**START, "headers": [("a", "b")]}],
            [{**START, "headers": [b"ab"]}],
            [{**START, "headers": [3]}],
            [{**START, "headers": [(b"a b", b"c")]}],
            [{**START, "headers": [(b"a", b"b\r\nc: d")]}],
            [START, {"type": "http.response.body", "body": "text"}],
            [{"type": "http.response.early_hint", "links": [b"a\nb"]}],
        ):
            with self.subTest(events=events):
                self.lines.clear()
                self.assertFails(sending(*events), "the application (failed|sent an invalid response)")

    def test_what_is_not_awaited(self) -> None:
        self.assertFails(lambda scope, receive, send: None, "the application failed")

    def test_more_than_its_length_is_left_out(self) -> None:
        start = {**START, "headers": [(b"content-length", b"3")]}
        self.assertEqual(self.get(sending(start, body(b"ab", True), body(b"cd"))).body, b"abc")
        self.assertLogged("longer than its Content-Length")
