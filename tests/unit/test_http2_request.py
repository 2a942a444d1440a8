"""The request that resources see when it came by HTTP/2, and its answers; the resources are Twisted's own."""

from __future__ import annotations

import gzip
from typing import Any

from twisted.logger import capturedLogs
from twisted.web.resource import EncodingResourceWrapper, IResource, Resource
from twisted.web.server import NOT_DONE_YET, GzipEncoderFactory
from twisted.web.util import Redirect

from duck_tx.http.accessline import combined_line
from duck_tx.http.response import serialise, status_line
from duck_tx.http2.request import Http2Request
from tests.unit.http2_case import Http2Case
from tests.unit.http2_client import Client
from tests.unit.http2_frames import Code, data, post, request
from tests.unit.http2_reader import Response


class Says(Resource):
    """Answers with what the test's function says."""

    isLeaf = True

    def __init__(self, say: Any) -> None:
        super().__init__()
        self._say = say

    def render(self, request: Any) -> Any:
        return self._say(request)


class RequestCase(Http2Case):
    def connected(self, resource: IResource) -> Client:
        client = self.client(self.site_of(resource))
        client.start()
        return client

    def answer(self, say: Any, sent: bytes = request(1, b"/")) -> Response:
        """What comes for a request that ``say`` answers."""
        client = self.connected(Says(say))
        client.send(sent)
        self.proves(client)
        return client.response(1)

    def proves(self, client: Client) -> None:
        self.assertTrue(client.answers())
        self.leaves_nothing(client, client.protocol.site)


class ReadingTests(RequestCase):
    def seen(self, look: Any, sent: bytes = request(1, b"/")) -> Any:
        """What ``look`` returns for the request that a resource sees."""
        found = []

        def say(request: Any) -> bytes:
            found.append(look(request))
            return b""

        self.answer(say, sent)
        return found[0]

    def test_it_is_a_request_as_in_version_1(self) -> None:
        sent = request(1, b"/a/b%2Fc?d=1", (b"x-duck", b"quack"), (b"cookie", b"a=b"), (b"cookie", b"c=d"))
        look = self.seen(
            lambda r: (
                r.method,
                r.uri,
                r.path,
                r.postpath,
                r.args,
                r.getHeader(b"X-Duck"),
                r.getCookie(b"c"),
                r.getRequestHostname(),
                r.isSecure(),
            ),
            sent,
        )
        path = b"/a/b%2Fc"
        query = {b"d": [b"1"]}
        self.assertEqual(
            look, (b"GET", path + b"?d=1", path, [b"a", b"b/c"], query, b"quack", b"d", b"duck.example", True)
        )

    def test_it_says_which_protocol_it_came_by(self) -> None:
        self.assertEqual(self.seen(lambda r: r.clientproto), b"HTTP/2")

    def test_the_log_says_it_too(self) -> None:
        line = self.seen(lambda r: combined_line(r, 0.0, 0.0))
        self.assertIn(b'"GET / HTTP/2"', line)

    def test_the_body_is_there_and_counted(self) -> None:
        sent = post(1, b"/") + data(1, b"qu") + data(1, b"ack", end=True)
        look = self.seen(lambda r: (r.content.read(), r.body_size, r.getHeader(b"content-length")), sent)
        self.assertEqual(look, (b"quack", 5, None))

    def test_it_is_of_the_kind_that_gateways_know(self) -> None:
        self.assertTrue(self.seen(lambda r: isinstance(r, Http2Request)))

    def test_options_about_the_server_are_answered(self) -> None:
        client = self.connected(Says(lambda request: b"never"))
        client.send(request(1, b"*", method=b"OPTIONS"))
        response = client.response(1)
        self.assertEqual((response.status, bytes(response.body), response[b"content-length"]), (200, b"", b"0"))


class AnsweringTests(RequestCase):
    def test_what_a_resource_returns_is_the_body(self) -> None:
        response = self.answer(lambda request: b"quack")
        self.assertEqual(
            response.fields,
            [
                (b":status", b"200"),
                (b"server", b"duck_tx"),
                (b"date", response[b"date"]),
                (b"content-type", b"text/html"),
                (b"content-length", b"5"),
            ],
        )
        self.assertEqual((bytes(response.body), response.complete), (b"quack", True))

    def test_own_fields_take_the_place_of_the_servers(self) -> None:
        def say(request: Any) -> bytes:
            request.setHeader(b"Server", b"pond")
            request.setHeader(b"Date", b"today")
            request.setHeader(b"Connection", b"close")
            return b""

        response = self.answer(say)
        names = [name for name, _ in response.fields]
        self.assertEqual((names.count(b"server"), response[b"server"], response[b"date"]), (1, b"pond", b"today"))
        self.assertNotIn(b"connection", names)

    def test_the_reason_of_a_status_is_left_out(self) -> None:
        def say(request: Any) -> bytes:
            request.setResponseCode(418, b"Short and stout")
            return b""

        response = self.answer(say)
        self.assertEqual((response.status, response[b"content-length"]), (418, b"0"))

    def test_it_is_written_bit_by_bit(self) -> None:
        def say(request: Any) -> int:
            request.write(b"qu")
            request.write(b"ack")
            request.finish()
            return NOT_DONE_YET

        response = self.answer(say)
        self.assertEqual((bytes(response.body), response[b"content-length"]), (b"quack", None))
        self.assertTrue(response.complete)

    def test_head_gets_the_head(self) -> None:
        def say(request: Any) -> int:
            request.setHeader(b"Content-Length", b"5")
            request.write(b"quack")
            request.finish()
            return NOT_DONE_YET

        for answer in (say, lambda request: b"quack"):
            response = self.answer(answer, request(1, b"/", method=b"HEAD"))
            self.assertEqual((response.status, response[b"content-length"]), (200, b"5"))
            self.assertEqual((bytes(response.body), response.complete), (b"", True))

    def test_some_statuses_have_no_body_and_no_length(self) -> None:
        for code in (204, 304):

            def say(request: Any, code: int = code) -> int:
                request.setResponseCode(code)
                request.finish()
                return NOT_DONE_YET

            response = self.answer(say)
            self.assertEqual((response.status, response[b"content-length"], response.complete), (code, None, True))

    def test_the_end_comes_with_the_head_where_there_is_nothing_else(self) -> None:
        def say(request: Any) -> int:
            request.setResponseCode(304)
            request.finish()
            return NOT_DONE_YET

        client = self.connected(Says(say))
        client.send(request(1, b"/"))
        self.assertEqual((client.response(1).complete, client.sizes), (True, []))

    def test_all_at_once_is_a_body_in_one_frame_with_the_end(self) -> None:
        def say(request: Any) -> int:
            request.send(status_line(200), 200, serialise([(b"X-Duck", b"1")]), b"quack")
            return NOT_DONE_YET

        client = self.connected(Says(say))
        client.send(request(1, b"/"))
        self.assertEqual((client.response(1)[b"x-duck"], client.sizes), (b"1", [5]))

    def test_what_is_longer_than_declared_is_left_out_and_logged(self) -> None:
        def say(request: Any) -> int:
            request.setHeader(b"Content-Length", b"5")
            request.write(b"qua")
            request.write(b"ckqu")
            request.write(b"ack")
            request.finish()
            return NOT_DONE_YET

        with capturedLogs() as logged:
            response = self.answer(say)
        self.assertEqual((bytes(response.body), response.complete, len(logged)), (b"quack", True, 1))

    def test_what_is_shorter_than_declared_is_not_ended_as_if_it_were_whole(self) -> None:
        def late(request: Any) -> int:
            request.setHeader(b"Content-Length", b"50")
            request.write(b"quack")
            request.finish()
            return NOT_DONE_YET

        def nothing(request: Any) -> int:
            request.setHeader(b"Content-Length", b"50")
            request.finish()
            return NOT_DONE_YET

        def at_once(request: Any) -> int:
            request.send(status_line(200), 200, serialise([(b"Content-Length", b"50")]), b"quack")
            return NOT_DONE_YET

        for say in (late, nothing, at_once):
            with capturedLogs():
                response = self.answer(say)
            self.assertEqual((response.complete, response.resets), (False, [Code.INTERNAL_ERROR]))

    def test_an_encoder_is_used(self) -> None:
        text = b"quack" * 1000
        root = EncodingResourceWrapper(Says(lambda request: text), [GzipEncoderFactory()])
        client = self.connected(root)
        client.send(request(1, b"/", (b"accept-encoding", b"gzip")))
        response = client.response(1)
        self.assertEqual((response[b"content-encoding"], gzip.decompress(response.body)), (b"gzip", text))

    def test_cookies_and_redirects_are_those_of_twisted(self) -> None:
        def say(request: Any) -> bytes:
            request.addCookie(b"a", b"b")
            request.addCookie(b"c", b"d")
            return Redirect(b"/pond").render(request)

        response = self.answer(say)
        self.assertEqual((response.status, response[b"location"]), (302, b"/pond"))
        self.assertEqual([value for name, value in response.fields if name == b"set-cookie"], [b"a=b", b"c=d"])

    def test_a_field_that_is_none_is_a_500(self) -> None:
        def say(request: Any) -> int:
            request.send(status_line(200), 200, serialise([("X-Duck", "a\r\nb")]), b"")
            return NOT_DONE_YET

        response = self.answer(say)
        self.assertEqual(response.status, 500)
        self.assertEqual(len(self.flushLoggedErrors()), 1)

    def test_a_second_beginning_is_refused(self) -> None:
        def say(request: Any) -> int:
            request.write(b"a")
            self.assertRaises(RuntimeError, request.begin, status_line(200), 200, serialise([]))
            request.finish()
            return NOT_DONE_YET

        self.assertTrue(self.answer(say).complete)

    def test_those_who_wait_for_the_end_are_told(self) -> None:
        told: list[None] = []

        def say(request: Any) -> bytes:
            request.notifyFinish().addCallback(told.append)
            return b""

        self.answer(say)
        self.assertEqual(told, [None])
