"""Good exchanges over HTTP/2: all that version 1.1 serves, and bodies of any size."""

from __future__ import annotations

import random
from typing import Any

import h11
from twisted.web.resource import Resource

from duck_tx.http.limits import Limits
from duck_tx.http.site import Site
from tests.integration.wire_resource import tree, write_files
from tests.unit.http2_case import Http2Case, Http2Site
from tests.unit.http2_client import Client
from tests.unit.http2_frames import (
    LARGEST,
    WINDOW,
    Code,
    Field,
    asked,
    block,
    continuation,
    data,
    headers,
    post,
    request,
    reset,
)
from tests.unit.http2_reader import Response
from tests.unit.wire_case import Connection

_PATHS = (
    b"/hello", b"/nothing", b"/big", b"/pieces", b"/pull", b"/push", b"/later", b"/fixed", b"/long", b"/wrong-length",
    b"/hop-by-hop", b"/split", b"/nul", b"/obs-text", b"/own-date", b"/status-100", b"/status-101", b"/status-204",
    b"/status-299", b"/status-304", b"/status-600", b"/number", b"/cookie", b"/fail", b"/args?a=1&b=%C3%A9", b"/parts",
    b"/tagged", b"/unbegun", b"/static/file.bin", b"/static/none.bin", b"/static/",
)  # fmt: skip
_ASKED: list[tuple[bytes, bytes, tuple[Field, ...]]] = [
    *((method, path, ()) for path in _PATHS for method in (b"GET", b"HEAD")),
    (b"OPTIONS", b"*", ()),
    (b"DELETE", b"/static/file.bin", ()),
    (b"GET", b"/tagged", ((b"if-none-match", b'"tag"'),)),
    (b"GET", b"/cookie", ((b"cookie", b"a=b; seen=before"),)),
    (b"GET", b"/static/file.bin", ((b"range", b"bytes=5-14"),)),
    (b"HEAD", b"/static/file.bin", ((b"range", b"bytes=5-14"),)),
    (b"GET", b"/static/file.bin", ((b"range", b"bytes=100-"),)),
    (b"GET", b"/static/file.bin", ((b"if-modified-since", b"Sun, 06 Nov 1994 08:49:37 GMT"),)),
    (b"GET", b"/hello", ((b"expect", b"200-ok"),)),
]
_OF_VERSION_1 = {b"connection", b"transfer-encoding", b"date"}


class SameTests(Http2Case):
    """The same resource answers the same, whatever the version."""

    def setUp(self) -> None:
        super().setUp()
        folder = self.mktemp()
        write_files(folder)
        self.root = tree(self.clock, folder)
        self.site = Http2Site(self.root, reactor=self.clock, limits=Limits(), seconds=self.clock.seconds, secure=True)

    def in_version_1(self, method: bytes, path: bytes, fields: tuple[Field, ...]) -> tuple[int, list[Field], bytes]:
        site = Site(self.root, reactor=self.clock, limits=Limits(), seconds=self.clock.seconds, secure=True)
        connection, client = Connection(site, self.clock), h11.Connection(h11.CLIENT)
        sent = h11.Request(method=method, target=path, headers=[(b"host", b"duck.example"), *fields])
        connection.send(client.send(sent) or b"")
        client.send(h11.EndOfMessage())
        client.receive_data(connection.wire.value())
        connection.lose()
        response = client.next_event()
        assert isinstance(response, h11.Response)
        body = b""
        while isinstance(event := client.next_event(), h11.Data):
            body += event.data
        self.assertIsInstance(event, h11.EndOfMessage)
        return response.status_code, list(response.headers), body

    def test_fields_and_body_are_those_of_version_1(self) -> None:
        client = self.started()
        client.generous = True
        for number, (method, path, fields) in enumerate(_ASKED):
            status, expected, body = self.in_version_1(method, path, fields)
            client.send(request(2 * number + 1, path, *fields, method=method))
            response = client.response(2 * number + 1)
            case = f"{method!r} {path!r} {fields}"
            self.assertTrue(response.complete, case)
            self.assertEqual(response.status, status, case)
            self.assertEqual(bytes(response.body), body, case)
            self.assertEqual(_comparable(response.fields[1:]), _comparable(expected), case)
        # What these resources fail with is logged.
        self.flushLoggedErrors(ZeroDivisionError, ValueError, TypeError)
        self.proves_alive(client)

    def test_a_head_has_no_data(self) -> None:
        client = self.started()
        for number, path in enumerate((b"/hello", b"/big", b"/push", b"/static/file.bin", b"/pieces")):
            client.send(request(2 * number + 1, path, method=b"HEAD"))
            self.assertTrue(client.response(2 * number + 1).complete, path)
        self.assertEqual(sum(client.sizes), 0)

    def test_a_body_that_is_too_short_is_not_ended_as_if_it_were_whole(self) -> None:
        client = self.started()
        for stream, path in ((1, b"/short"), (3, b"/broken")):
            client.send(request(stream, path))
            response = client.response(stream)
            self.assertEqual(response.status, 200)
            self.assertFalse(response.complete)
            self.assertEqual(response.resets, [Code.INTERNAL_ERROR])
        self.flushLoggedErrors(ZeroDivisionError)
        self.proves_alive(client)

    def test_a_resource_that_hangs_up_ends_its_own_stream_alone(self) -> None:
        client = self.started()
        client.send(post(1), request(3, b"/hang-up"))
        self.assertFalse(client.response(3).complete)
        self.assertEqual(len(client.response(3).resets), 1)
        client.send(data(1, b"duck", end=True))
        self.assertTrue(client.response(1).complete)
        self.proves_alive(client)

    def test_each_cookie_has_a_field_of_its_own(self) -> None:
        class Cookies(Resource):
            isLeaf = True

            def render(self, request: Any) -> bytes:
                request.addCookie(b"a", b"1")
                request.addCookie(b"b", b"2")
                return b""

        client = Client(self.site_of(Cookies()), self.clock)
        client.start()
        client.send(request(1))
        cookies = [value for name, value in client.response(1).fields if name == b"set-cookie"]
        self.assertEqual(cookies, [b"a=1", b"b=2"])

    def test_a_field_of_any_length_arrives(self) -> None:
        class Long(Resource):
            isLeaf = True

            def render(self, request: Any) -> bytes:
                name, value = (int(size) for size in request.uri[1:].split(b"-"))
                request.responseHeaders.addRawHeader(b"x" * name, b"v" * value)
                return b"long"

        client = Client(self.site_of(Long()), self.clock)
        client.start()
        sizes = [*range(1, 20), *range(120, 135), *range(250, 260), 383, 1000]
        for number, size in enumerate(sizes):
            client.send(request(4 * number + 1, b"/%d-1" % size), request(4 * number + 3, b"/1-%d" % size))
            self.assertEqual(client.response(4 * number + 1)[b"x" * size], b"v")
            self.assertEqual(client.response(4 * number + 3)[b"x"], b"v" * size)

    def test_fields_that_fill_more_than_a_frame_are_continued(self) -> None:
        class Wide(Resource):
            isLeaf = True

            def render(self, request: Any) -> bytes:
                for number in range(9):
                    request.responseHeaders.addRawHeader(b"x-wide-%d" % number, bytes(range(33, 127)) * 50)
                return b"wide"

        client = Client(self.site_of(Wide()), self.clock)
        client.start()
        client.send(request(1))
        fields = dict(client.response(1).fields)
        self.assertEqual([fields[b"x-wide-%d" % number] for number in range(9)], [bytes(range(33, 127)) * 50] * 9)
        self.assertEqual(bytes(client.response(1).body), b"wide")


def _comparable(fields: list[Field]) -> list[Field]:
    """Field lines as they can be compared between the versions: what is about the connection is 1.1's alone."""
    return sorted((name.lower(), value) for name, value in fields if name.lower() not in _OF_VERSION_1)


class BodyTests(Http2Case):
    """Bodies of requests."""

    def echoed(self, response: Response) -> bytes:
        self.assertEqual(response.status, 200)
        self.assertTrue(response.complete)
        return bytes(response.body).partition(b"\n\n")[2]

    def test_a_body_of_any_size_arrives(self) -> None:
        client = self.started()
        client.generous = True
        for number, size in enumerate((0, 1, LARGEST, LARGEST + 1, WINDOW, WINDOW + 1, 3_000_000)):
            stream, body = 2 * number + 1, random.Random(size).randbytes(size)
            client.send(post(stream, b"/e"))
            if body:
                client.upload(stream, body)
            else:
                client.send(data(stream, end=True))
            self.assertEqual(self.echoed(client.response(stream)), body, size)

    def test_a_body_in_many_small_pieces_arrives(self) -> None:
        client = self.started()
        body = random.Random(1).randbytes(20_000)
        client.send(post(1))
        client.upload(1, body, size=10)
        self.assertEqual(self.echoed(client.response(1)), body)

    def test_the_window_that_padding_takes_is_given_back(self) -> None:
        client = self.started()
        client.generous = True
        client.send(post(1))
        # The padding alone is more than the window.
        body = bytes(100 * (client.granted(0) // 256 + 100))
        client.upload(1, body, size=100, pad=255)
        self.assertEqual(self.echoed(client.response(1)), body)

    def test_bodies_of_several_streams_may_mix(self) -> None:
        client = self.started()
        client.generous = True
        bodies = {stream: random.Random(stream).randbytes(30_000) for stream in (1, 3, 5, 7)}
        client.send(*(post(stream) for stream in bodies))
        for at in range(0, 30_000, 1000):
            for stream, body in bodies.items():
                client.upload(stream, body[at : at + 1000], end=at == 29_000)
        for stream, body in bodies.items():
            self.assertEqual(self.echoed(client.response(stream)), body)

    def test_bodies_that_are_given_up_leave_the_window_of_the_connection_whole(self) -> None:
        client = self.started()
        client.generous = True
        before = client.granted(0)
        for stream in range(1, 2 * (before // 60_000) + 9, 2):
            client.send(post(stream))
            client.upload(stream, bytes(60_000), end=False)
            client.send(reset(stream))
        self.assertGreater(client.granted(0), before // 4)
        client.send(post(1001))
        client.upload(1001, bytes(3_000_000))
        self.assertEqual(self.echoed(client.response(1001)), bytes(3_000_000))

    def test_what_comes_for_a_stream_that_the_server_reset_leaves_the_window_whole(self) -> None:
        client = self.started()
        client.generous = True
        client.send(post(1, b"/e", (b"content-length", b"1")), data(1, b"duck"))
        client.spend(1, 4)
        self.assertEqual(client.resets, {1: [Code.PROTOCOL_ERROR]})
        before = client.granted(0)
        sent = 0
        while sent < 3 * before and client.granted(0) >= LARGEST:
            client.spend(0, LARGEST)
            client.send(data(1, bytes(LARGEST)))
            sent += LARGEST
        self.assertGreaterEqual(sent, 3 * before)
        self.proves_alive(client)

    def test_no_more_is_taken_than_was_granted(self) -> None:
        client = self.started()
        client.send(post(1, b"/wait"))
        many = client.granted(0) // LARGEST + 2
        client.spend(1, many * LARGEST)
        client.send(data(1, bytes(LARGEST)) * many)
        # Where the server has given back what it read in the meantime, nothing was too much.
        if client.failed:
            self.ends_with(client, Code.FLOW_CONTROL_ERROR)
        elif client.resets:
            self.assertEqual(client.resets, {1: [Code.FLOW_CONTROL_ERROR]})
        else:
            self.assertGreaterEqual(min(client.granted(0), client.granted(1)), 0)

    def test_who_expects_to_be_told_to_continue_is_told(self) -> None:
        client = self.started()
        client.send(post(1, b"/e", (b"expect", b"100-continue"), (b"content-length", b"4")))
        self.assertEqual(client.response(1).interim, [[(b":status", b"100")]])
        client.send(data(1, b"duck", end=True))
        self.assertEqual(self.echoed(client.response(1)), b"duck")

    def test_who_has_no_body_is_not_told_to_continue(self) -> None:
        client = self.started()
        client.send(request(1, b"/e", (b"expect", b"100-continue")))
        self.assertEqual(client.response(1).interim, [])
        self.assertTrue(client.response(1).complete)

    def test_a_field_block_and_its_continuations_may_be_padded(self) -> None:
        client = self.started()
        fields = block(*asked(b"/e", (b"x-duck", b"a" * 100)))
        client.send(headers(1, fields[:20], pad=200, whole=False, end=False) + continuation(1, fields[20:]))
        client.send(data(1, b"du", pad=3) + data(1, b"ck", pad=0, end=True))
        self.assertEqual(self.echoed(client.response(1)), b"duck")
        self.assertIn(b"\nx-duck: " + b"a" * 100 + b"\n", client.response(1).body)
