"""Output split into lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.process.lines import Lines
from tests.case import UnitTestCase


def _all(*pieces: bytes, longest: int = 8192) -> list[str]:
    lines = Lines(longest)
    return [line for piece in pieces for line in lines.feed(piece)] + lines.end()


class LinesTests(UnitTestCase):
    def test_lines_come_when_they_are_complete(self) -> None:
        lines = Lines()
        self.assertEqual(lines.feed(b"on"), [])
        self.assertEqual(lines.feed(b"e\ntwo\nthr"), ["one", "two"])
        self.assertEqual(lines.end(), ["thr"])
        self.assertEqual(lines.end(), [])

    def test_a_last_line_may_be_complete(self) -> None:
        self.assertEqual(_all(b"one\ntwo\n"), ["one", "two"])

    def test_empty_lines_stay(self) -> None:
        self.assertEqual(_all(b"\none\n\n"), ["", "one", ""])

    def test_other_line_ends_are_left_out_too(self) -> None:
        self.assertEqual(_all(b"one\r\ntwo\r\n"), ["one", "two"])

    def test_what_is_too_long_makes_several_lines(self) -> None:
        self.assertEqual(_all(b"x" * 20 + b"\ny\n", longest=8), ["x" * 8, "x" * 8, "x" * 4, "y"])
        lines = Lines(8)
        self.assertEqual(lines.feed(b"x" * 20), ["x" * 8, "x" * 8])
        self.assertEqual(lines.end(), ["x" * 4])

    def test_characters_are_not_cut_in_two(self) -> None:
        text = "xéé€€😀😀" * 5
        pieces = _all(text.encode(), longest=8)
        self.assertEqual("".join(pieces), text)
        self.assertTrue(all(len(piece.encode()) <= 8 for piece in pieces))

    def test_what_is_no_text_is_shown_in_hexadecimal(self) -> None:
        self.assertEqual(
            _all(b"caf\xe9 \x1b[31mred\x00 \xc2\x85\xe2\x80\xa8.\ta\rb\n"),
            ["caf\\xe9 \\x1b[31mred\\x00 \\x85\\u2028.\ta\\rb"],
        )

    @given(st.lists(st.binary(max_size=40)), st.integers(8, 20))
    def test_lines_have_no_line_ends_and_are_not_too_long(self, pieces: list[bytes], longest: int) -> None:
        for line in _all(*pieces, longest=longest):
            self.assertEqual(len(f"{line}.".splitlines()), 1)
            # At most six characters for a byte that is shown.
            self.assertLessEqual(len(line), longest * 6)

    @given(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"])), st.data())
    def test_it_makes_no_difference_how_the_bytes_come(self, text: str, data: st.DataObject) -> None:
        written = text.encode()
        at = data.draw(st.integers(0, len(written)))
        self.assertEqual("".join(_all(written[:at], written[at:], longest=8)), text)
