"""Any bytes in any pieces: the same answers, never an exception, and never a response that is two."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

import h11
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET

from duck_tx.http.channel import Phase
from duck_tx.http.headers import Fields
from duck_tx.http.leaf import LeafResource
from duck_tx.http.request import Request
from duck_tx.http.site import Site
from tests.integration.corpus import CORPUS
from tests.integration.exchange import LAST, Exchange
from tests.integration.test_wire import LIMITS, difference
from tests.integration.wire_resource import tree, write_files
from tests.unit.streaming_case import Recorder
from tests.unit.wire_case import WireCase

_BYTE_BY_BYTE = 5000
"""Bytes up to which an exchange is sent in pieces of one byte."""

_TOKENS = [
    b"GET ",
    b"POST ",
    b"/",
    b" HTTP/1.1",
    b" HTTP/1.0",
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"Host: a",
    b":",
    b" ",
    b"\t",
    b"Content-Length: 3",
    b"Transfer-Encoding: chunked",
    b"Connection: close",
    b"Connection: upgrade",
    b"Upgrade: h2c",
    b"Expect: 100-continue",
    b"0\r\n\r\n",
    b"3\r\nabc\r\n",
    b"abc",
    b"\0",
    b"\xff",
    b"http://b",
    b"*",
    b"OPTIONS ",
    b";",
]


class Collecting(LeafResource):
    """Takes every body while it arrives, and has another resource answer when it is whole."""

    def __init__(self, inner: IResource) -> None:
        self._inner = inner

    def streams(self, request: Request) -> bool:
        return True

    def render(self, request: Request) -> int:
        taker = Recorder()

        def ended(trailers: Fields) -> None:
            request.take_body(BytesIO(taker.body))
            request.render(self._inner)

        taker.body_ended = ended  # type: ignore[method-assign]
        request.body_stream().start(taker)
        return NOT_DONE_YET


class SplitCase(WireCase):
    def setUp(self) -> None:
        super().setUp()
        folder = self.mktemp()
        write_files(folder)
        self.corpus = Site(tree(self.clock, folder), reactor=self.clock, limits=LIMITS, seconds=self.clock.seconds)

    def check(self, exchange: Exchange, *pieces: bytes) -> None:
        received, _closed = self.outcome(self.corpus, pieces)
        self.assertEqual(difference(exchange, received), "")

    def tearDown(self) -> None:
        # What the resources of the corpus fail with.
        self.flushLoggedErrors(ZeroDivisionError, ValueError, TypeError)

    def check_in_sizes(self, exchange: Exchange, sizes: list[int]) -> None:
        sent = exchange.sent + LAST
        pieces, start = [], 0
        for size in sizes:
            pieces.append(sent[start : start + size])
            start += size
        self.check(exchange, *pieces, sent[start:])

    def check_byte_by_byte(self) -> None:
        for exchange in CORPUS:
            if len(exchange.sent) <= _BYTE_BY_BYTE:
                sent = exchange.sent + LAST
                self.check(exchange, *[sent[at : at + 1] for at in range(len(sent))])


class SplitTests(SplitCase):
    def test_all_at_once_gives_the_answers_of_the_corpus(self) -> None:
        for exchange in CORPUS:
            self.check(exchange, exchange.sent + LAST)

    def test_byte_by_byte_gives_the_same_answers(self) -> None:
        self.check_byte_by_byte()

    @settings(max_examples=300)
    @given(st.sampled_from(CORPUS), st.lists(st.integers(1, 400), min_size=1, max_size=30))
    def test_any_pieces_give_the_same_answers(self, exchange: Exchange, sizes: list[int]) -> None:
        self.check_in_sizes(exchange, sizes)


class StreamedSplitTests(SplitCase):
    """The same for bodies that are taken while they arrive."""

    def setUp(self) -> None:
        super().setUp()
        self.corpus.resource = Collecting(self.corpus.resource)

    def test_byte_by_byte_gives_the_same_answers(self) -> None:
        self.check_byte_by_byte()

    @settings(max_examples=300)
    @given(st.sampled_from(CORPUS), st.lists(st.integers(1, 400), min_size=1, max_size=30))
    def test_any_pieces_give_the_same_answers(self, exchange: Exchange, sizes: list[int]) -> None:
        self.check_in_sizes(exchange, sizes)


class AnyBytesTests(WireCase):
    def ends(self, sent: bytes, cut: int) -> None:
        connection = self.connect()
        connection.send(sent[:cut], sent[cut:])
        channel = connection.channel
        self.assertIn(
            channel.phase, (Phase.FIRST_BYTE, Phase.IDLE, Phase.HEAD, Phase.BODY, Phase.CLOSING, Phase.LINGER)
        )
        if not connection.wire.closed or channel.phase is Phase.LINGER:
            self.assertLessEqual(channel.deadline, self.clock.seconds() + 60)
        self.wait(100)
        self.assertTrue(connection.wire.closed)
        connection.lose()
        self.assertEqual(self.site.channels, set())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    @settings(max_examples=150)
    @given(st.binary(max_size=200), st.integers(0, 200))
    def test_noise_ends_in_a_response_or_a_deadline(self, sent: bytes, cut: int) -> None:
        self.ends(sent, cut)

    @settings(max_examples=300)
    @given(st.lists(st.sampled_from(_TOKENS), max_size=30).map(b"".join), st.integers(0, 200))
    def test_what_looks_like_http_ends_in_a_response_or_a_deadline(self, sent: bytes, cut: int) -> None:
        self.ends(sent, cut)

    @settings(max_examples=150)
    @given(st.lists(st.sampled_from(_TOKENS), max_size=30).map(b"".join), st.lists(st.integers(1, 9), max_size=40))
    def test_the_pieces_do_not_matter(self, sent: bytes, sizes: list[int]) -> None:
        pieces, start = [], 0
        for size in sizes:
            pieces.append(sent[start : start + size])
            start += size
        whole, closed = self.outcome(self.site, [sent])
        in_pieces = self.outcome(self.site, [*pieces, sent[start:]])
        self.assertEqual(in_pieces, (whole, closed))


class Free(Resource):
    """Answers as the test says, however wrong."""

    isLeaf = True

    def __init__(self, answer: tuple[Any, ...]) -> None:
        super().__init__()
        self._answer = answer

    def render(self, request: Any) -> Any:
        code, reason, fields, pieces, way = self._answer
        request.setResponseCode(code, reason)
        for name, value in fields:
            request.responseHeaders.addRawHeader(name, value)
        if way == "return":
            return b"".join(pieces)
        if way == "parts":
            request.send_parts(pieces)
            return NOT_DONE_YET
        for piece in pieces:
            request.write(piece)
        if way == "finish":
            request.finish()
            return NOT_DONE_YET
        raise ZeroDivisionError("the resource of this test fails half-way")


_NAMES = st.one_of(
    st.sampled_from(
        [
            b"Content-Length",
            b"Transfer-Encoding",
            b"Connection",
            b"Trailer",
            b"Upgrade",
            b"Date",
            b"Set-Cookie",
            b"Keep-Alive",
            b"Content-Type",
            b"Content_Length",
            b"X",
        ]
    ),
    st.binary(max_size=6),
)
# h11 takes tabs and spaces around values, and vertical tabs and form feeds for an error, which they are.
_VALUES = st.one_of(
    st.sampled_from(
        [b"chunked", b"close", b"0", b"3", b"-1", b"+3", b"3, 3", b"a\r\nb: c", b"a\r\n\r\nHTTP/1.1 200 OK", b"a\0b"]
    ),
    st.binary(max_size=8).filter(lambda value: not re.search(rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]", value)),
)
_ANSWERS = st.tuples(
    st.one_of(st.sampled_from([200, 204, 304, 404, 500]), st.integers(-1, 700)),
    st.one_of(st.none(), st.sampled_from([b"", b"Fine", b"a\r\nb: c", b"a\nb", b"a\rb", b"a\0b", b"caf\xe9"])),
    st.lists(st.tuples(_NAMES, _VALUES), max_size=5),
    st.lists(st.binary(max_size=20), max_size=4),
    st.sampled_from(["return", "finish", "fail", "parts"]),
)


class ResponseTests(WireCase):
    @settings(max_examples=500)
    @given(_ANSWERS, st.lists(st.sampled_from([b"GET", b"HEAD", b"POST"]), min_size=1, max_size=2))
    def test_nothing_that_an_application_returns_makes_two_responses(
        self, answer: tuple[Any, ...], methods: list[bytes]
    ) -> None:
        connection = self.connect(self.site_of(Free(answer)))
        connection.send(b"".join(b"%b / HTTP/1.1\r\nHost: a\r\n\r\n" % method for method in methods))
        connection.settle()
        self.flushLoggedErrors()
        received, closed = connection.wire.value(), connection.wire.closed
        connection.lose()
        code, _reason, fields, _pieces, _way = answer
        responses, whole = self.read(received, methods)
        self.assertTrue(whole or closed, received)
        self.assertTrue(closed or len(responses) == len(methods), received)
        for response in responses:
            self.assertIn(response.status_code, (code, 500), received)
            names = [name for name, _value in response.headers]
            self.assertLess(names.count(b"content-length") + names.count(b"transfer-encoding"), 2, received)
            # What the lines of a value or a reason would be, were they lines.
            self.assertLessEqual(names.count(b"b"), [name.lower() for name, _ in fields].count(b"b"), received)

    def read(self, received: bytes, methods: list[bytes]) -> tuple[list[h11.Response], bool]:
        """The responses as h11 sees them, and whether the last is whole; it raises for what it cannot read."""
        client = h11.Connection(h11.CLIENT)
        client.receive_data(received)
        responses: list[h11.Response] = []
        for method in methods:
            client.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
            client.send(h11.EndOfMessage())
            while not isinstance(event := client.next_event(), h11.EndOfMessage):
                if event is h11.NEED_DATA:
                    return responses, False
                if isinstance(event, h11.Response):
                    responses.append(event)
            if client.their_state is not h11.DONE:
                break
            client.start_next_cycle()
        self.assertEqual(client.trailing_data[0], b"", received)
        return responses, True
