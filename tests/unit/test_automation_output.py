"""What runs print."""

from __future__ import annotations

import io
import sys
import threading

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.automations.output import LONGEST, Output, listening
from tests.case import UnitTestCase


class OutputTests(UnitTestCase):
    def test_it_keeps_what_is_written(self) -> None:
        output = Output()
        self.assertEqual(output.text, "")
        print("one", 2, file=output)
        output.writelines(["three", "\n"])
        self.assertEqual(output.text, "one 2\nthree\n")

    def test_it_keeps_the_end_of_what_is_long(self) -> None:
        output = Output()
        for _ in range(3 * LONGEST):
            output.write("x")
        output.write("the end")
        self.assertEqual(output.text, "x" * (LONGEST - 7) + "the end")
        output.write("y" * LONGEST * 2)
        self.assertEqual(output.text, "y" * LONGEST)

    @given(st.lists(st.text(max_size=30)), st.integers(1, 20))
    def test_the_end_is_the_end(self, pieces: list[str], longest: int) -> None:
        output = Output(longest)
        for piece in pieces:
            self.assertEqual(output.write(piece), len(piece))
        self.assertEqual(output.text, "".join(pieces)[-longest:])

    def test_it_takes_bytes_as_standard_output_does(self) -> None:
        output = Output()
        output.buffer.write("é".encode() + b"\xff")
        self.assertEqual(output.text, "é\ufffd")

    def test_it_is_no_terminal_and_no_file(self) -> None:
        output = Output()
        self.assertFalse(output.isatty())
        self.assertRaises(io.UnsupportedOperation, output.fileno)
        output.close()
        output.flush()
        self.assertEqual(output.write("open"), 4)

    def test_its_last_line_is_one_that_says_something(self) -> None:
        output = Output()
        self.assertEqual(output.last_line, "")
        output.write("one\n two \n\n  \n")
        self.assertEqual(output.last_line, "two")


class ListeningTests(UnitTestCase):
    def setUp(self) -> None:
        self.console = io.StringIO()
        self.patch(sys, "stdout", self.console)
        self.patch(sys, "stderr", self.console)

    def test_what_is_printed_in_a_context_goes_to_its_output(self) -> None:
        one, two = Output(), Output()
        with listening():
            one.context().run(print, "one")
            two.context().run(print, "two", file=sys.stderr)
            print("nobody's")
        self.assertEqual((one.text, two.text, self.console.getvalue()), ("one\n", "two\n", "nobody's\n"))

    def test_threads_of_others_print_where_they_did(self) -> None:
        with listening():
            thread = threading.Thread(target=print, args=("other",))
            thread.start()
            thread.join()
        self.assertEqual(self.console.getvalue(), "other\n")

    def test_for_others_it_is_the_stream_that_was_there(self) -> None:
        output = Output()
        with listening():
            self.assertEqual(getattr(sys.stdout, "getvalue", None), self.console.getvalue)
            self.assertFalse(output.context().run(hasattr, sys.stdout, "getvalue"))
        self.assertIs(sys.stdout, self.console)
        self.assertIs(sys.stderr, self.console)

    def test_what_others_put_there_meanwhile_stays(self) -> None:
        other = io.StringIO()
        with listening():
            sys.stdout = other
        self.assertIs(sys.stdout, other)
        self.assertIs(sys.stderr, self.console)
