"""Views that are coroutines: how they are answered for, let down, cancelled and kept in bounds."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from tests.case import UnitTestCase
from tests.unit.child import in_child

_ERROR = "500 Internal Server Error\n\nThe application could not make this page. The server's log says why.\n"


def many_coroutines() -> dict[str, Any]:
    """Runs in a child: what came of each request, mostly as status and body."""
    from io import BytesIO

    from django.http import FileResponse, Http404, HttpResponse, StreamingHttpResponse
    from twisted.internet.defer import CancelledError, Deferred
    from twisted.internet.task import deferLater

    from duck_tx.gateway.coroutine import CoroutineResource
    from duck_tx.gateway.view import configure
    from tests.unit.logged import logged_lines
    from tests.unit.wire_case import WireCase
    from tests.unit.wsgi_case import parsed, to_send

    configure()
    case = WireCase()
    case.setUp()
    clock = case.clock
    log: list[str] = []
    found: dict[str, Any] = {}

    def connect(view: Callable[[Any], Any], *, debug: bool = False, most: int = 2) -> Any:
        site = case.site_of(CoroutineResource(clock, view, "V.view", lambda: debug, most=most, request_timeout=5.0))
        return lambda: case.connect(site)

    def sent(path: str = "/", method: str = "GET", body: bytes = b"") -> bytes:
        length = b"Content-Length: %d\r\n" % len(body) if body else b""
        return b"%b %b HTTP/1.1\r\nHost: duck.example\r\n%b\r\n%b" % (method.encode(), path.encode(), length, body)

    def answer(
        name: str, view: Callable[[Any], Any], *, debug: bool = False, method: str = "GET", **given: Any
    ) -> None:
        connection = connect(view, debug=debug)()
        with logged_lines() as lines:
            connection.send(sent(method=method, **given))
            for _ in range(20):
                clock.advance(0.1)
                connection.settle()
        got = parsed(connection.received, head=method == "HEAD")
        found[name] = [got.code, got.body.decode(), got.whole]
        found[f"{name} said"] = lines
        connection.lose()

    async def text(request: Any) -> str:
        return f"{request.method} {request.path} {request.body.decode()}"

    async def later(request: Any) -> dict[str, int]:
        return {"n": await deferLater(clock, 0.3, lambda: 7)}

    def plain(request: Any) -> Deferred[str]:
        return deferLater(clock, 0.1, lambda: "by a Deferred")

    async def missing(request: Any) -> None:
        raise Http404("no")

    async def boom(request: Any) -> None:
        await deferLater(clock, 0.1)
        raise LookupError("lost")

    async def cancelled(request: Any) -> None:
        raise CancelledError

    async def unfit(request: Any) -> HttpResponse:
        response = HttpResponse("x")
        response.headers["X-A"] = "a"
        response.headers._store["x-a"] = ("X-A", "a\r\nb")
        return response

    async def pieces() -> Any:
        try:
            for number in range(3):
                await deferLater(clock, 0.2)
                yield f"{number},"
        finally:
            log.append("pieces ended")

    async def stream(request: Any) -> StreamingHttpResponse:
        return StreamingHttpResponse(pieces())

    async def iterate(request: Any) -> StreamingHttpResponse:
        return StreamingHttpResponse(["a", "b"])

    async def broken(request: Any) -> StreamingHttpResponse:
        async def some() -> Any:
            yield "a"
            raise LookupError("lost")

        return StreamingHttpResponse(some())

    file = to_send(__file__)

    async def send(request: Any) -> FileResponse:
        return FileResponse(file)

    async def memory(request: Any) -> FileResponse:
        return FileResponse(BytesIO(b"of memory"))

    answer("text", text, method="POST", body=b"body", path="/a")
    answer("HEAD", text, method="HEAD")
    answer("later", later)
    answer("plain", plain)
    answer("missing", missing)
    answer("boom", boom)
    answer("page", boom, debug=True)
    answer("cancelled", cancelled)
    answer("unfit", unfit)
    answer("stream", stream)
    answer("HEAD stream", stream, method="HEAD")
    answer("iterate", iterate)
    answer("send", send)
    answer("memory", memory)
    found["file closed"] = file.closed

    with logged_lines():
        connection = connect(broken)()
        connection.send(sent())
        connection.settle()
    found["broken"] = [parsed(connection.received).whole, connection.wire.aborted]

    found["upgrade"] = []
    for protocol in (b"websocket", b"h2c"):
        connection = connect(text)()
        connection.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: %b\r\n\r\n" % protocol)
        found["upgrade"].append(parsed(connection.received).code)

    # Too many, too long, and a client that leaves.
    ended: list[str] = []

    async def wait(request: Any) -> str:
        try:
            await deferLater(clock, 60.0)
        except CancelledError:
            ended.append(request.path)
            raise
        return "at last"

    opened = connect(wait)
    waiting = [opened() for _ in range(3)]
    for number, each in enumerate(waiting):
        each.send(sent(f"/{number}"))
    found["too many"] = [each.received[9:12].decode() for each in waiting]
    with logged_lines() as lines:
        waiting[0].lose()
        found["left"] = list(ended)
        for _ in range(60):
            clock.advance(0.1)
            waiting[1].settle()
    found["too long"] = [parsed(waiting[1].received).code, list(ended), lines]
    again = opened()
    again.send(sent("/4"))
    found["room again"] = again.received.decode()
    again.lose()

    # A client that does not read holds the pieces back.
    made: list[int] = []

    async def many() -> Any:
        for number in range(50):
            await deferLater(clock, 0)
            made.append(number)
            yield b"x" * 100_000

    async def flood(request: Any) -> StreamingHttpResponse:
        return StreamingHttpResponse(many())

    connection = connect(flood)()
    connection.protocol.dataReceived(sent())
    producer = connection.wire.producer
    producer.pauseProducing()
    for _ in range(100):
        clock.advance(0)
    found["held"] = len(made)
    producer.resumeProducing()
    for _ in range(100):
        clock.advance(0)
    found["let go"] = len(made)
    found["log"] = log

    # Streams of events have no end of their own.
    ended.clear()

    async def ticks() -> Any:
        try:
            while True:
                yield "data: 1\n\n"
                await deferLater(clock, 60.0)
        finally:
            ended.append("ticks")

    async def events(request: Any) -> StreamingHttpResponse:
        return StreamingHttpResponse(ticks(), content_type="text/event-stream")

    site = case.site_of(CoroutineResource(clock, events, "V.view", lambda: False, most=9, request_timeout=5.0))
    with logged_lines() as lines:
        left, early, late = [case.connect(site) for _ in range(3)]
        left.send(sent())
        early.send(sent())
        left.lose()
        found["farewells"] = [len(site.farewells)]
        site.drain()
        late.send(sent())
        found["farewells"].append(len(site.farewells))
    found["events"] = [[got.body.decode(), got.whole] for got in map(parsed, (early.received, late.received))]
    found["events ended"] = [ended, lines]
    return found


@cache
def _report() -> dict[str, Any]:
    report: dict[str, Any] = in_child(many_coroutines)
    return report


class CoroutineTests(UnitTestCase):
    def whole(self, name: str) -> str:
        code, body, is_whole = _report()[name]
        self.assertEqual((code, is_whole), (200, True), name)
        return str(body)

    def test_it_is_given_the_request_with_its_body(self) -> None:
        self.assertEqual(self.whole("text"), "POST /a body")
        self.assertEqual(self.whole("HEAD"), "")

    def test_it_may_wait_and_a_deferred_will_do(self) -> None:
        self.assertEqual(self.whole("later"), '{"n": 7}')
        self.assertEqual(self.whole("plain"), "by a Deferred")

    def test_it_may_refuse_as_in_django(self) -> None:
        self.assertEqual(_report()["missing"][0], 404)
        self.assertEqual(_report()["missing said"], [])

    def test_it_opens_no_websocket_and_ignores_other_protocols(self) -> None:
        self.assertEqual(_report()["upgrade"], [501, 200])

    def test_what_it_raises_is_logged_once_and_answered_with_500(self) -> None:
        for name in ("boom", "cancelled", "unfit"):
            self.assertEqual(_report()[name], [500, _ERROR, True], name)
            self.assertEqual(len(_report()[f"{name} said"]), 1, name)
            self.assertIn("V.view failed", _report()[f"{name} said"][0])

    def test_in_debug_the_page_has_the_traceback_and_the_log_one_entry(self) -> None:
        code, body, _ = _report()["page"]
        self.assertEqual(code, 500)
        self.assertIn("LookupError", body)
        self.assertEqual(_report()["page said"], ["GET /: V.view failed"])

    def test_pieces_are_sent_as_they_are_made(self) -> None:
        self.assertEqual(self.whole("stream"), "0,1,2,")
        self.assertEqual(self.whole("iterate"), "ab")
        self.assertEqual(self.whole("HEAD stream"), "")
        self.assertEqual(_report()["log"], ["pieces ended"])

    def test_files_are_sent_and_closed(self) -> None:
        self.assertEqual(self.whole("send"), Path(__file__).read_text())
        self.assertEqual(self.whole("memory"), "of memory")
        self.assertTrue(_report()["file closed"])

    def test_a_response_that_breaks_off_does_not_pass_for_whole(self) -> None:
        self.assertEqual(_report()["broken"], [False, True])

    def test_a_client_that_leaves_cancels_it(self) -> None:
        self.assertEqual(_report()["left"], ["/0"])

    def test_there_is_a_bound_to_how_many_run_at_once(self) -> None:
        self.assertEqual(_report()["too many"], ["", "", "503"])
        self.assertEqual(_report()["room again"], "")

    def test_one_that_takes_too_long_is_cancelled_and_answered_with_504(self) -> None:
        code, ended, lines = _report()["too long"]
        self.assertEqual((code, ended), (504, ["/0", "/1"]))
        self.assertEqual(len(lines), 1)
        self.assertIn("V.view took longer than 5 s (gateway.request_timeout)", lines[0])

    def test_a_stream_of_events_ends_with_the_server(self) -> None:
        early, late = _report()["events"]
        self.assertEqual((early, late[1]), (["data: 1\n\n", True], True))
        self.assertEqual(_report()["farewells"], [1, 0])
        self.assertEqual(_report()["events ended"], [["ticks"] * 3, []])

    def test_a_client_that_does_not_read_holds_the_pieces_back(self) -> None:
        self.assertLessEqual(_report()["held"], 1)
        self.assertEqual(_report()["let go"], 50)
