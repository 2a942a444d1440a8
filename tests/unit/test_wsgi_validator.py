from __future__ import annotations

import io
import sys
from typing import Any
from wsgiref.validate import validator

from tests.unit.wsgi_case import (
    TEXT,
    Closing,
    Environ,
    GatewayTestCase,
    StartResponse,
    just,
)

METHODS = ("GET", "POST", "HEAD", "DELETE")


class ValidatorTests(GatewayTestCase):
    """``wsgiref.validate`` finds nothing wrong, whatever kind of response it is."""

    def validate(self, application: Any, expected: bytes, status: int = 200, body: bytes = b"") -> None:
        for method in METHODS:
            answer = self.get(validator(application), method, body=body)
            self.assertAnswers(answer, b"" if method == "HEAD" else expected, status)
            self.assertEqual(self.flushLoggedErrors(), [])

    def test_list(self) -> None:
        self.validate(just(lambda: [b"one ", b"two"]), b"one two")

    def test_tuple(self) -> None:
        self.validate(just(lambda: (b"one ", b"two")), b"one two")

    def test_generator(self) -> None:
        self.validate(just(lambda: (piece for piece in [b"one ", b"", b"two"])), b"one two")

    def test_empty_list_and_generator(self) -> None:
        self.validate(just(list), b"")
        self.validate(just(lambda: iter([b""])), b"")

    def test_iterator_with_close(self) -> None:
        self.validate(just(lambda: Closing([b"one ", b"two"])), b"one two")

    def test_content_length(self) -> None:
        self.validate(just(lambda: [b"four"], fields=[("Content-Length", "4")]), b"four")
        self.validate(just(lambda: iter([b"fo", b"ur"]), fields=[("Content-Length", "4")]), b"four")

    def test_write_callable(self) -> None:
        def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
            write = start_response("200 OK", TEXT)
            write(b"written ")
            write(b"twice ")
            return [b"and returned"]

        self.validate(application, b"written twice and returned")

    def test_file_wrapper(self) -> None:
        def application(environ: Environ, start_response: StartResponse) -> Any:
            start_response("200 OK", TEXT)
            return environ["wsgi.file_wrapper"](io.BytesIO(b"x" * 100_000))

        self.validate(application, b"x" * 100_000)

    def test_exc_info(self) -> None:
        def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
            start_response("200 OK", TEXT)
            try:
                raise ValueError
            except ValueError:
                start_response("500 Oops", [("Content-Type", "text/html")], sys.exc_info())
            return [b"sorry"]

        self.validate(application, b"sorry", 500)

    def test_body_read_in_every_way(self) -> None:
        def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
            taken = environ["wsgi.input"]
            start_response("200 OK", TEXT)
            environ["wsgi.errors"].flush()
            return [taken.read(1), taken.readline(), b"|".join(taken.readlines()), b"".join(taken)]

        self.validate(application, b"a line\nanother\n|a third", body=b"a line\nanother\na third")

    def test_statuses_without_a_body(self) -> None:
        for status in ("204 No Content", "304 Not Modified"):

            def application(environ: Environ, start_response: StartResponse, status: str = status) -> list[bytes]:
                start_response(status, [("ETag", '"x"')])
                return []

            self.validate(application, b"", int(status[:3]))
