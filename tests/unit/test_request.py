"""The request that Twisted's resources see, and its answers; the resources are Twisted's own."""

from __future__ import annotations

import gzip
import os
from typing import Any

from twisted.logger import capturedLogs
from twisted.web import static
from twisted.web.pages import notFound
from twisted.web.resource import EncodingResourceWrapper, IResource, Resource
from twisted.web.server import NOT_DONE_YET, GzipEncoderFactory, Session, UnsupportedMethod
from twisted.web.util import Redirect

from duck_tx.http.filepart import FilePart
from duck_tx.http.response import serialise, status_line
from tests.unit.wire_case import GET, HELLO, POST, Connection, Waiting, WireCase


class Says(Resource):
    """Answers with what the test's function says."""

    isLeaf = True

    def __init__(self, say: Any) -> None:
        super().__init__()
        self._say = say

    def render(self, request: Any) -> Any:
        return self._say(request)


class RequestCase(WireCase):
    def answer(self, resource: IResource, request: bytes = GET) -> tuple[bytes, bytes]:
        """Head and body of the answer to one request."""
        connection = self.connect(self.site_of(resource))
        connection.send(request)
        connection.settle()
        head, _, body = connection.received.partition(b"\r\n\r\n")
        connection.lose()
        return head, body

    def seen(self, look: Any, request: bytes = GET) -> Any:
        """What ``look`` returns for the request that a resource sees."""
        found = []

        def say(request: Any) -> bytes:
            found.append(look(request))
            return b""

        self.answer(Says(say), request)
        self.flushLoggedErrors()
        return found[0]

    def ask(self, target: bytes, *fields: bytes, method: bytes = b"GET") -> bytes:
        return b"\r\n".join([b"%b %b HTTP/1.1" % (method, target), b"Host: duck.example:8000", *fields, b"", b""])


class ReadingTests(RequestCase):
    def test_the_target_is_taken_apart_as_twisted_does(self) -> None:
        look = self.seen(
            lambda r: (r.uri, r.path, r.prepath, r.postpath, r.args), self.ask(b"/a/b%2Fc/?d=1&d=%C3%A9+2")
        )
        uri = b"/a/b%2Fc/?d=1&d=%C3%A9+2"
        self.assertEqual(look, (uri, b"/a/b%2Fc/", [], [b"a", b"b/c", b""], {b"d": [b"1", b"\xc3\xa9 2"]}))

    def test_fields_and_cookies_are_found(self) -> None:
        request = self.ask(
            b"/", b"x-a: 1", b"X-A: 2", b"Cookie: a=b; c=d=e", b"cookie: f", b"Authorization: Basic YTpi"
        )
        look = self.seen(
            lambda r: (
                r.getHeader(b"X-A"),
                r.getAllHeaders()[b"x-a"],
                r.getCookie(b"c"),
                r.received_cookies,
                r.getUser(),
            ),
            request,
        )
        self.assertEqual(look, (b"2", b"2", b"d=e", {b"a": b"b", b"c": b"d=e"}, b"a"))

    def test_the_connection_is_described(self) -> None:
        look = self.seen(lambda r: (r.getClientAddress().host, r.getHost().port, r.isSecure(), r.getRequestHostname()))
        self.assertEqual(look, ("192.0.2.1", 80, False, b"duck.example"))

    def test_the_body_is_whole(self) -> None:
        request = POST + b"Content-Length: 3\r\n\r\nabc"
        self.assertEqual(self.seen(lambda r: (r.content.read(), r.body_size), request), (b"abc", 3))
        self.assertEqual(self.seen(lambda r: (r.content.read(), r.body_size)), (b"", 0))

    def test_the_version_is_that_of_the_client(self) -> None:
        self.assertEqual(self.seen(lambda r: r.clientproto, b"GET / HTTP/1.0\r\n\r\n"), b"HTTP/1.0")

    def test_its_address_as_a_page_sees_it(self) -> None:
        look = self.seen(lambda r: (str(r.URLPath()), r.prePathURL()), self.ask(b"/a/b"))
        self.assertEqual(look, ("http://duck.example/", b"http://duck.example/"))

    def test_requests_are_told_apart(self) -> None:
        self.assertEqual(self.seen(lambda r: {r: 1}[r]), 1)
        self.assertIn("method=GET uri=/", self.seen(repr))


class TwistedResourceTests(RequestCase):
    def setUp(self) -> None:
        super().setUp()
        self.folder = self.mktemp()
        os.makedirs(self.folder)
        with open(os.path.join(self.folder, "a.txt"), "wb") as file:
            file.write(b"0123456789" * 10)

    def test_data(self) -> None:
        head, body = self.answer(leaf(b"data"))
        self.assertEqual(body, b"data")
        self.assertIn(b"\r\nContent-Type: text/x-test\r\nContent-Length: 4", head)

    def test_a_file_whole_and_in_ranges(self) -> None:
        root = static.File(self.folder, defaultType="text/plain")
        self.assertEqual(self.answer(root, self.ask(b"/a.txt"))[1], b"0123456789" * 10)
        head, body = self.answer(root, self.ask(b"/a.txt", b"Range: bytes=5-9"))
        self.assertTrue(head.startswith(b"HTTP/1.1 206 "))
        self.assertEqual(body, b"56789")
        head, body = self.answer(root, self.ask(b"/a.txt", b"Range: bytes=0-1,5-9"))
        self.assertIn(b"multipart/byteranges", head)
        self.assertIn(b"Content-Length: %d" % len(body), head)
        head, body = self.answer(root, self.ask(b"/a.txt", method=b"HEAD"))
        self.assertIn(b"Content-Length: 100", head)
        self.assertEqual(body, b"")
        self.assertTrue(self.answer(root, self.ask(b"/none"))[0].startswith(b"HTTP/1.1 404 "))

    def test_a_file_that_has_not_changed(self) -> None:
        root = static.File(self.folder)
        head, _ = self.answer(root, self.ask(b"/a.txt"))
        (modified,) = (line.partition(b": ")[2] for line in head.split(b"\r\n") if line.startswith(b"Last-Modified"))
        head, body = self.answer(root, self.ask(b"/a.txt", b"If-Modified-Since: " + modified))
        self.assertTrue(head.startswith(b"HTTP/1.1 304 "))
        self.assertNotIn(b"Content-Length", head)
        self.assertEqual(body, b"")

    def test_a_tree(self) -> None:
        class Number(Resource):
            def getChild(self, path: bytes, request: Any) -> Any:
                return static.Data(b"child " + path, "text/plain") if path.isdigit() else notFound()

        root = Resource()
        root.putChild(b"", static.Data(b"root", "text/plain"))
        root.putChild(b"numbers", Number())
        self.assertEqual(self.answer(root)[1], b"root")
        self.assertEqual(self.answer(root, self.ask(b"/numbers/7"))[1], b"child 7")
        for path in (b"/numbers/x", b"/other"):
            self.assertTrue(self.answer(root, self.ask(path))[0].startswith(b"HTTP/1.1 404 "), path)

    def test_a_redirect(self) -> None:
        head, _ = self.answer(Redirect(b"/there"))
        self.assertTrue(head.startswith(b"HTTP/1.1 302 "))
        self.assertIn(b"\r\nLocation: /there\r\n", head)

    def test_compression(self) -> None:
        def pieces(request: Any) -> int:
            request.write(b"one ")
            request.write(b"two")
            request.finish()
            return NOT_DONE_YET

        for inner, expected in ((leaf(b"x" * 999), b"x" * 999), (Says(pieces), b"one two")):
            wrapped = EncodingResourceWrapper(inner, [GzipEncoderFactory()])
            head, body = self.answer(wrapped, self.ask(b"/", b"Accept-Encoding: gzip"))
            self.assertIn(b"\r\nContent-Encoding: gzip\r\n", head)
            self.assertIn(b"\r\nTransfer-Encoding: chunked", head)
            self.assertEqual(gzip.decompress(dechunked(body)), expected)
            head, body = self.answer(wrapped)
            self.assertNotIn(b"Content-Encoding", head)

    def test_a_session(self) -> None:
        site = self.site_of(Says(lambda request: request.getSession().uid))
        sessions: Any = site
        sessions.sessionFactory = lambda site, uid: Session(site, uid, self.clock)
        connection = self.connect(site)
        connection.send(GET)
        head, _, uid = connection.take().partition(b"\r\n\r\n")
        self.assertIn(b"\r\nSet-Cookie: TWISTED_SESSION=" + uid, head)
        connection.send(self.ask(b"/", b"Cookie: TWISTED_SESSION=" + uid))
        head, _, again = connection.take().partition(b"\r\n\r\n")
        self.assertEqual(again, uid)
        self.assertNotIn(b"Set-Cookie", head)
        connection.lose()
        self.clock.advance(10_000)

    def test_a_method_that_a_resource_does_not_have(self) -> None:
        head, _ = self.answer(leaf(b"x"), self.ask(b"/", method=b"POST"))
        self.assertTrue(head.startswith(b"HTTP/1.1 405 "))
        self.assertIn(b"\r\nAllow: ", head)

    def test_head_is_made_of_get_where_a_resource_has_only_that(self) -> None:
        def only_get(request: Any) -> bytes:
            if request.method != b"GET":
                raise UnsupportedMethod([b"GET"])
            return b"body"

        head, body = self.answer(Says(only_get), self.ask(b"/", method=b"HEAD"))
        self.assertIn(b"\r\nContent-Length: 4", head)
        self.assertEqual(body, b"")

    def test_head_that_is_made_of_a_get_that_fails(self) -> None:
        def failing_get(request: Any) -> bytes:
            if request.method != b"GET":
                raise UnsupportedMethod([b"GET"])
            raise ZeroDivisionError

        head, body = self.answer(Says(failing_get), self.ask(b"/", method=b"HEAD"))
        self.assertTrue(head.startswith(b"HTTP/1.1 500 "))
        self.assertEqual(body, b"")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_validators(self) -> None:
        def tagged(request: Any) -> bytes:
            if request.setETag(b'"t"') or request.setLastModified(784111777):
                return b""
            return b"body"

        head, body = self.answer(Says(tagged))
        self.assertIn(b'\r\nETag: "t"', head)
        self.assertIn(b"\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT", head)
        self.assertEqual(body, b"body")
        for field in (b'If-None-Match: "t"', b"If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT"):
            head, body = self.answer(Says(tagged), self.ask(b"/", field))
            self.assertTrue(head.startswith(b"HTTP/1.1 304 "), head)
            self.assertEqual(body, b"")


def leaf(content: bytes) -> static.Data:
    """Data that answers for every path."""
    data = static.Data(content, "text/x-test")
    data.isLeaf = True
    return data


def dechunked(body: bytes) -> bytes:
    content = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        content += body[: int(size, 16)]
        body = body[int(size, 16) + 2 :]
    return content


class AnswerTests(RequestCase):
    def setUp(self) -> None:
        super().setUp()
        self.waiting = Waiting()
        self.site = self.site_of(self.waiting)

    def asked(self, request: bytes = GET) -> tuple[Connection, Any]:
        connection = self.connect()
        connection.send(request)
        return connection, self.waiting.requests[-1]

    def test_a_whole_answer_is_sent_at_once(self) -> None:
        connection, request = self.asked()
        request.send(status_line(200), 200, serialise([(b"Content-Type", b"text/html")]), b"Hello, world!")
        self.assertEqual(connection.received, HELLO)

    def test_what_is_more_than_declared_is_left_out(self) -> None:
        connection, request = self.asked(GET * 2)
        request.send(status_line(200), 200, serialise([(b"Content-Length", b"2")]), b"abc")
        self.assertTrue(connection.received.endswith(b"\r\nContent-Length: 2\r\n\r\nab"))
        self.assertEqual(len(self.waiting.requests), 2)

    def test_what_is_less_than_declared_ends_the_connection(self) -> None:
        connection, request = self.asked()
        request.send(status_line(200), 200, serialise([(b"Content-Length", b"9")]), b"abc")
        self.assertTrue(connection.received.endswith(b"\r\nContent-Length: 9\r\nConnection: close\r\n\r\nabc"))
        self.assertTrue(connection.wire.disconnecting)

    def test_a_head_leaves_with_the_first_piece(self) -> None:
        connection, request = self.asked()
        request.begin(status_line(200), 200, serialise([]))
        self.assertEqual(connection.received, b"")
        request.write(b"")
        self.assertTrue(connection.received.endswith(b"\r\n\r\n"))

    def test_a_body_too_long_is_logged_once(self) -> None:
        _connection, request = self.asked()
        request.setHeader(b"content-length", b"1")
        with capturedLogs() as logged:
            for _ in range(5):
                request.write(b"a")
            request.finish()
        self.assertEqual(len(logged), 1)
        self.assertEqual(request.sentLength, 1)

    def test_writing_after_the_end_is_an_error_and_ending_twice_is_not(self) -> None:
        _connection, request = self.asked()
        request.finish()
        request.finish()
        self.assertRaises(RuntimeError, request.write, b"x")

    def test_a_second_producer_is_an_error(self) -> None:
        _connection, request = self.asked()
        request.registerProducer(object(), True)
        self.assertRaises(ValueError, request.registerProducer, object(), True)

    def test_what_is_no_response_is_answered_with_500_even_when_it_comes_late(self) -> None:
        for name, value in ((b"X", b"a\0b"), (b"Content-Length", b"many")):
            connection, request = self.asked()
            request.setHeader(name, value)
            request.write(b"x")
            request.write(b"y")
            request.finish()
            self.assertTrue(connection.received.startswith(b"HTTP/1.1 500 "))
            self.assertNotIn(b"x", connection.received.partition(b"\r\n\r\n")[2].replace(b"why", b""))
            self.assertEqual(request.code, 500)
            self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_a_resource_that_fails_half_way_is_cut(self) -> None:
        def half(request: Any) -> bytes:
            request.write(b"half")
            raise ZeroDivisionError

        connection = self.connect(self.site_of(Says(half)))
        connection.send(GET)
        self.assertTrue(connection.wire.aborted)
        self.assertTrue(connection.received.endswith(b"\r\n4\r\nhalf\r\n"))
        self.flushLoggedErrors(ZeroDivisionError)

    def test_a_failure_drops_what_the_resource_had_set(self) -> None:
        def fail(request: Any) -> bytes:
            request.setHeader(b"Content-Encoding", b"gzip")
            request.addCookie(b"a", b"b")
            raise ZeroDivisionError("secret")

        head, body = self.answer(Says(fail))
        self.assertNotIn(b"Content-Encoding", head)
        self.assertNotIn(b"Cookie", head)
        self.assertNotIn(b"secret", body)
        self.flushLoggedErrors(ZeroDivisionError)

    def test_a_page_of_failure_is_sent_once(self) -> None:
        connection, request = self.asked()
        request.fail(503, "Busy.", [(b"Retry-After", b"1")])
        request.fail(504, "Late.")
        self.assertEqual(connection.received.count(b"HTTP/1.1"), 1)
        self.assertIn(b"\r\nRetry-After: 1\r\n", connection.received)
        self.assertTrue(connection.received.endswith(b"\r\n\r\n503 Service Unavailable\n\nBusy.\n"))

    def test_a_default_type_may_be_none(self) -> None:
        def untyped(request: Any) -> bytes:
            request.defaultContentType = None
            return b"x"

        self.assertNotIn(b"Content-Type", self.answer(Says(untyped))[0])

    def test_files_are_sent_in_parts_and_closed(self) -> None:
        path = self.mktemp()
        with open(path, "wb") as out:
            out.write(b"0123456789")
        with open(path, "rb") as file, open(path, "rb") as other:
            connection, request = self.asked()
            request.setHeader(b"content-length", b"8")
            request.send_parts([b"<", FilePart(file, 2, 3), FilePart(other, 0, 0), b"|", FilePart(file, 7, 2), b">"])
            connection.settle()
            self.assertTrue(connection.received.endswith(b"\r\n\r\n<234|78>"))
            self.assertTrue(file.closed and other.closed)

    def test_a_status_without_a_body_sends_no_file(self) -> None:
        path = self.mktemp()
        with open(path, "wb") as out:
            out.write(b"0123456789")
        with open(path, "rb") as file:
            connection, request = self.asked()
            request.setResponseCode(304)
            request.send_parts([FilePart(file, 0, 10)])
            connection.settle()
            self.assertTrue(connection.received.endswith(b"\r\n\r\n"))
            self.assertTrue(file.closed)

    def test_parts_are_compressed_where_the_resource_is(self) -> None:
        def parts(request: Any) -> int:
            request.setHeader(b"content-length", b"6")
            request.send_parts([b"abc", b"def"])
            return NOT_DONE_YET

        wrapped = EncodingResourceWrapper(Says(parts), [GzipEncoderFactory()])
        head, body = self.answer(wrapped, self.ask(b"/", b"Accept-Encoding: gzip"))
        self.assertNotIn(b"Content-Length", head)
        self.assertEqual(gzip.decompress(dechunked(body)), b"abcdef")
