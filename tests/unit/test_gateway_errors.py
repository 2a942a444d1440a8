from __future__ import annotations

import logging
import traceback

from duck_tx.gateway.errors import ErrorStream
from tests.unit.wsgi_case import GatewayTestCase


class ErrorStreamTests(GatewayTestCase):
    def lines(self) -> list[str]:
        return [event["line"] for event in self.events]

    def setUp(self) -> None:
        self.events = self.log_events()
        self.stream = ErrorStream()

    def test_each_line_is_an_entry_in_the_log(self) -> None:
        self.assertEqual(self.stream.write("one {braces}\n\ntwo\n"), len("one {braces}\n\ntwo\n"))
        self.stream.writelines(["three\n", "four"])
        self.stream.flush()
        self.assertEqual(self.lines(), ["one {braces}", "two", "three", "four"])

    def test_print_leaves_no_empty_entries(self) -> None:
        print("printed", file=self.stream)
        self.assertEqual(self.lines(), ["printed"])

    def test_loggers_and_tracebacks_can_use_it(self) -> None:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "logged", (), None)
        logging.StreamHandler(self.stream).emit(record)
        try:
            raise ValueError("shown")
        except ValueError:
            traceback.print_exc(file=self.stream)
        self.assertEqual(self.lines()[0], "logged")
        self.assertEqual(self.lines()[-1], "ValueError: shown")

    def test_bytes_are_refused(self) -> None:
        self.assertRaises(TypeError, self.stream.write, b"bytes")
        self.assertRaises(TypeError, self.stream.writelines, [b"bytes"])
