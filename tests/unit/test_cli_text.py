"""What people read in a terminal."""

from __future__ import annotations

import io
import os

from duck_tx.cli.text import GREEN, RED, columns, mebibytes, painted, plain, short_span, span, wants_colour
from tests.case import UnitTestCase


class ColourTests(UnitTestCase):
    def test_it_is_for_terminals_only(self) -> None:
        main, terminal = os.openpty()
        self.addCleanup(os.close, main)
        with open(terminal, "w") as stream:
            self.assertTrue(wants_colour(stream, {"TERM": "xterm"}))
            self.assertTrue(wants_colour(stream, {"NO_COLOR": ""}))
            self.assertFalse(wants_colour(stream, {"NO_COLOR": "1"}))
            self.assertFalse(wants_colour(stream, {"TERM": "dumb"}))
        self.assertFalse(wants_colour(io.StringIO(), {"TERM": "xterm"}))
        self.assertFalse(wants_colour(None, {"TERM": "xterm"}))

    def test_what_is_painted_ends_as_it_began(self) -> None:
        self.assertEqual(painted("x", RED, wanted=True), "\x1b[31mx\x1b[0m")
        self.assertEqual(painted("x", GREEN, wanted=False), "x")
        self.assertEqual(painted("x", None, wanted=True), "x")


class ColumnsTests(UnitTestCase):
    def test_cells_are_under_one_another(self) -> None:
        self.assertEqual(columns([("a", "bb", "c"), ("aaa", "b", "")]), ["a    bb  c", "aaa  b"])
        self.assertEqual(columns([]), [])

    def test_a_terminal_is_not_told_what_to_do(self) -> None:
        self.assertEqual(columns([("\x1b[2J\n", "ü"), ("x", "y")]), [r"\x1b[2J\n  ü", "x          y"])
        self.assertEqual(columns([("ü\tx", "y")]), [r"ü\tx  y"])


class PlainTests(UnitTestCase):
    def test_what_a_terminal_would_obey_is_shown_instead(self) -> None:
        for text, shown in (
            ("Grüße aus 東京 🦆", "Grüße aus 東京 🦆"),
            ("\tin a traceback", "\tin a traceback"),
            ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
            ("one\r\ntwo\x85three\u2028four", r"one\r\ntwo\x85three\u2028four"),
            ("\x9b2J \x7f", r"\x9b2J \x7f"),
            ("\u202etxt.exe", r"\u202etxt.exe"),
            ("half a \ud83e", r"half a \ud83e"),
        ):
            self.assertEqual(plain(text), shown)


class MebibytesTests(UnitTestCase):
    def test_a_size_is_told_with_one_digit_behind_the_point(self) -> None:
        self.assertEqual([mebibytes(count) for count in (0, 1024**2, 66_000_000)], ["0.0 MiB", "1.0 MiB", "62.9 MiB"])


class SpanTests(UnitTestCase):
    def test_the_two_largest_units_are_told(self) -> None:
        for seconds, words in (
            (0, "less than a second"),
            (0.9, "less than a second"),
            (-5, "less than a second"),
            (1, "1 second"),
            (59.9, "59 seconds"),
            (60, "1 minute"),
            (61, "1 minute 1 second"),
            (3600, "1 hour"),
            (3601, "1 hour"),
            (7380, "2 hours 3 minutes"),
            (86400, "1 day"),
            (90000, "1 day 1 hour"),
            (8640000, "100 days"),
        ):
            self.assertEqual(span(seconds), words, seconds)


class ShortSpanTests(UnitTestCase):
    def test_one_unit_is_told(self) -> None:
        for seconds, words in (
            (-1, "0 s"),
            (0.9, "0 s"),
            (119.9, "119 s"),
            (120, "2 min"),
            (7199, "119 min"),
            (7200, "2 h"),
            (172_799, "47 h"),
            (172_800, "2 days"),
            (1e7, "115 days"),
        ):
            self.assertEqual(short_span(seconds), words)
