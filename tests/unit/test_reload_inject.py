"""Which responses get a tag, and what of them changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.reload.inject import Injecting, with_tag
from tests.case import UnitTestCase

_HTML = ("Content-Type", "text/html; charset=utf-8")


class WithTagTests(UnitTestCase):
    def test_it_stands_before_the_end_of_the_body(self) -> None:
        self.assertEqual(with_tag(b"<body>a</body></html>", b"T"), b"<body>aT</body></html>")
        self.assertEqual(with_tag(b"<BODY>'</body>'</BODY >", b"T"), b"<BODY>'</body>'T</BODY >")

    def test_where_no_body_ends_it_comes_last(self) -> None:
        self.assertEqual(with_tag(b"<p>a", b"T"), b"<p>aT")

    @given(st.binary())
    def test_nothing_else_changes(self, page: bytes) -> None:
        self.assertEqual(with_tag(page, b"\0tag\0").replace(b"\0tag\0", b"", 1), page.replace(b"\0tag\0", b"", 1))


class _Streaming:
    streaming = True

    def __iter__(self) -> Iterable[bytes]:
        yield b"<p>"


class _Whole:
    """As Django's response is."""

    streaming = False
    closed = 0

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces

    def __iter__(self) -> Any:
        return iter(self.pieces)

    def close(self) -> None:
        self.closed += 1


class InjectingTests(UnitTestCase):
    def answer(
        self,
        body: Any,
        *fields: tuple[str, str],
        status: str = "200 OK",
        method: str = "GET",
        environ: dict[str, str] | None = None,
    ) -> tuple[str, dict[str, str], Any]:
        """Status, fields and body of what becomes of a response."""
        told: list[tuple[str, list[tuple[str, str]]]] = []

        def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
            start_response(status, list(fields))
            return body

        result = Injecting(application, lambda: "<T>")(
            {"REQUEST_METHOD": method, **(environ or {})}, lambda *head: told.append(head)
        )
        [(code, headers)] = told
        return code, dict(headers), result

    def test_a_page_gets_the_tag_and_the_right_length(self) -> None:
        whole = _Whole(b"<body>", b"</body>")
        old = (("Content-Length", "13"), ("ETag", '"x"'), ("Last-Modified", "y"), ("X-Other", "z"))
        status, headers, body = self.answer(whole, _HTML, *old, status="404 Not Found")
        self.assertEqual((status, b"".join(body)), ("404 Not Found", b"<body><T></body>"))
        self.assertEqual(headers, {"Content-Type": _HTML[1], "X-Other": "z", "Content-Length": "16"})
        self.assertEqual(whole.closed, 0)
        body.close()
        self.assertEqual(whole.closed, 1)

    def test_a_list_is_a_page_as_well(self) -> None:
        self.assertEqual(b"".join(self.answer([b"<p>", b"a"], _HTML)[2]), b"<p>a<T>")

    def test_what_is_no_whole_page_is_left_as_it_is(self) -> None:
        gzip, part = ("Content-Encoding", "gzip"), ("Content-Range", "bytes 0-1/9")
        length = ("Content-Length", "3")
        for body, fields, status, method in (
            ([b"<p>"], (("Content-Type", "text/plain"),), "200 OK", "GET"),
            ([b"<p>"], (("Content-Type", "text/html; charset=utf-16"),), "200 OK", "GET"),
            ([b"<p>"], (), "200 OK", "GET"),
            ([b"<p>"], (_HTML, gzip), "200 OK", "GET"),
            ([b"<p>"], (_HTML, part), "206 Partial Content", "GET"),
            ([b"<p>"], (_HTML, part), "200 OK", "GET"),
            ([], (_HTML,), "304 Not Modified", "GET"),
            ([], (_HTML,), "204 No Content", "GET"),
            ([], (_HTML, length), "200 OK", "HEAD"),
            (_Streaming(), (_HTML,), "200 OK", "GET"),
            (iter([b"<p>"]), (_HTML, length), "200 OK", "GET"),
        ):
            code, headers, result = self.answer(body, *fields, status=status, method=method)
            self.assertIs(result, body)
            self.assertEqual((code, headers), (status, dict(fields)))

    def test_what_a_script_fetches_is_no_page(self) -> None:
        for kind, page in (("document", b"<p><T>"), ("iframe", b"<p><T>"), ("empty", b"<p>")):
            body = self.answer([b"<p>"], _HTML, environ={"HTTP_SEC_FETCH_DEST": kind})[2]
            self.assertEqual(b"".join(body), page, kind)

    def test_an_application_may_write_or_begin_late(self) -> None:
        said: list[object] = []

        def start_response(status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], object]:
            said.append((status, exc_info))
            return said.append

        def writes(environ: object, start_response: Callable[..., Any]) -> list[bytes]:
            start_response("200 OK", [_HTML])(b"<p>")
            return [b"a"]

        def late(environ: object, start_response: Callable[..., Any]) -> Iterable[bytes]:
            start_response("201 Created", [_HTML])
            yield b"<p>"

        get = {"REQUEST_METHOD": "GET"}
        self.assertEqual(b"".join(Injecting(writes, lambda: "<T>")(get, start_response)), b"a")
        self.assertEqual(said, [("200 OK", None), b"<p>"])
        self.assertEqual(b"".join(Injecting(late, lambda: "<T>")(get, start_response)), b"<p>")
        self.assertEqual(said[2:], [("201 Created", None)])

    def test_an_error_page_takes_the_place_of_what_was_begun(self) -> None:
        told: list[Any] = []

        def application(environ: object, start_response: Callable[..., Any]) -> list[bytes]:
            start_response("200 OK", [("Content-Type", "text/plain")])
            self.assertRaises(AssertionError, start_response, "200 OK", [])
            start_response("500 Oh", [_HTML], (ValueError, ValueError(), None))
            return [b"<p>"]

        body = Injecting(application, lambda: "<T>")({"REQUEST_METHOD": "GET"}, lambda *head: told.append(head))
        self.assertEqual((b"".join(body), told[0][0]), (b"<p><T>", "500 Oh"))

    def test_a_body_that_fails_is_closed(self) -> None:
        class Failing(_Whole):
            def __iter__(self) -> Any:
                raise ValueError

        body = Failing()
        self.assertRaises(ValueError, self.answer, body, _HTML)
        self.assertEqual(body.closed, 1)
