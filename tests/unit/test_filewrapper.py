from __future__ import annotations

import gzip
import io
import os
import tempfile
from collections.abc import Callable
from typing import Any

from tests.unit.wsgi_case import (
    TEXT,
    Answer,
    Environ,
    GatewayTestCase,
    StartResponse,
    parsed,
    to_send,
)


class FileWrapperTests(GatewayTestCase):
    content = bytes(range(256)) * 1000

    def setUp(self) -> None:
        self.path = self.mktemp()
        with open(self.path, "wb") as file:
            file.write(self.content)

    def file(self, open_file: Callable[[], Any], method: str = "GET", **options: Any) -> Answer:
        opened: list[Any] = []

        def application(environ: Environ, start_response: StartResponse) -> Any:
            start_response("200 OK", [*TEXT, *options.get("fields", ())])
            opened.append(open_file())
            return environ["wsgi.file_wrapper"](opened[0], 8192)

        before = set(os.listdir("/dev/fd"))
        self.get(application, method)
        self.reactor.turn()
        self.assertTrue(getattr(opened[0], "closed", True))
        self.assertLessEqual(set(os.listdir("/dev/fd")), before)
        return parsed(self.peer.raw, head=method == "HEAD")

    def test_a_file_is_sent_with_its_length(self) -> None:
        answer = self.file(lambda: to_send(self.path))
        self.assertAnswers(answer, self.content)
        self.assertEqual(answer.fields["content-length"], str(len(self.content)))

    def test_a_file_is_sent_from_where_it_stands(self) -> None:
        for buffering in (0, -1):

            def opened(buffering: int = buffering) -> Any:
                file = to_send(self.path, buffering)
                file.read(1000)
                return file

            self.assertAnswers(self.file(opened), self.content[1000:])

    def test_a_smaller_content_length_counts(self) -> None:
        for length in (0, 1, 5000):
            answer = self.file(lambda: to_send(self.path), fields=[("Content-Length", str(length))])
            self.assertAnswers(answer, self.content[:length])

    def test_a_larger_content_length_closes_the_connection_after_the_file(self) -> None:
        answer = self.file(lambda: to_send(self.path), fields=[("Content-Length", "999999")])
        self.assertEqual((answer.body, answer.whole), (self.content, False))
        self.assertTrue(self.peer.transport.disconnecting)

    def test_head_sends_no_file(self) -> None:
        answer = self.file(lambda: to_send(self.path), "HEAD")
        self.assertAnswers(answer, b"")
        self.assertEqual(answer.fields["content-length"], str(len(self.content)))

    def test_an_empty_file_and_one_read_to_its_end(self) -> None:
        def at_end() -> Any:
            file = to_send(self.path)
            file.seek(0, 2)
            return file

        for opened in (at_end, lambda: to_send(os.devnull)):
            answer = self.file(opened)
            self.assertAnswers(answer, b"")
            self.assertEqual(answer.fields["content-length"], "0")

    def test_a_file_whose_size_the_system_does_not_tell_is_read(self) -> None:
        with open("/proc/self/cmdline", "rb") as file:
            expected = file.read()
        self.assertTrue(expected)
        self.assertAnswers(self.file(lambda: to_send("/proc/self/cmdline")), expected)

    def test_a_file_in_memory_and_a_pipe_are_read(self) -> None:
        def pipe() -> Any:
            reader, writer = os.pipe()
            os.write(writer, b"through a pipe")
            os.close(writer)
            return os.fdopen(reader, "rb")

        self.assertAnswers(self.file(lambda: io.BytesIO(self.content)), self.content)
        self.assertAnswers(self.file(pipe), b"through a pipe")

    def test_a_file_like_without_fileno_and_close_is_read(self) -> None:
        class Bare:
            def __init__(self) -> None:
                self.read = io.BytesIO(b"bare").read

        self.assertAnswers(self.file(Bare), b"bare")

    def test_a_compressed_file_is_sent_as_it_reads_not_as_it_lies_on_the_disk(self) -> None:
        path = self.mktemp()
        with gzip.open(path, "wb") as file:
            file.write(self.content)
        for opened in (lambda: gzip.GzipFile(path), lambda: io.BufferedReader(gzip.GzipFile(path))):
            self.assertAnswers(self.file(opened), self.content)

    def test_temporary_files_are_sent_with_what_was_just_written_to_them(self) -> None:
        for make in (tempfile.TemporaryFile, tempfile.NamedTemporaryFile, tempfile.SpooledTemporaryFile):

            def opened(make: Any = make) -> Any:
                file = make()
                file.write(b"not flushed")
                file.seek(4)
                return file

            self.assertAnswers(self.file(opened), b"flushed")

    def test_a_file_after_write_follows_what_was_written(self) -> None:
        def application(environ: Environ, start_response: StartResponse) -> Any:
            start_response("200 OK", TEXT)(b"written ")
            return environ["wsgi.file_wrapper"](to_send(self.path))

        self.assertAnswers(self.get(application), b"written " + self.content)

    def test_a_text_file_is_a_failure_and_not_its_bytes(self) -> None:
        self.assertEqual(self.file(lambda: io.TextIOWrapper(to_send(self.path), "latin-1")).code, 500)
        self.assertOneFailureLogged(TypeError)

    def test_django_files_are_sent_by_the_server(self) -> None:
        from django.core.files import File

        class Encrypted(File):
            def read(self, size: int = -1) -> bytes:
                return bytes(255 - byte for byte in self.file.read(size))

        self.assertAnswers(self.file(lambda: File(to_send(self.path))), self.content)
        expected = bytes(255 - byte for byte in self.content)
        self.assertAnswers(self.file(lambda: Encrypted(to_send(self.path))), expected)
