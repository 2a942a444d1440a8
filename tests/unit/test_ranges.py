"""What a Range header selects, RFC 9110 14."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.content.ranges import MOST_RANGES, Span, part_heads, spans
from tests.case import UnitTestCase

_SPEC = st.one_of(
    st.tuples(st.integers(0, 130), st.integers(0, 130)).map(lambda pair: (min(pair), max(pair))),
    st.tuples(st.integers(0, 130), st.none()),
    st.tuples(st.none(), st.integers(0, 130)),
)


def _written(spec: tuple[int | None, int | None]) -> bytes:
    first, last = ("" if bound is None else str(bound) for bound in spec)
    return f"{first}-{last}".encode()


def _bytes_of(spec: tuple[int | None, int | None], size: int) -> set[int]:
    """The positions that the RFC's words give a range, one by one."""
    first, last = spec
    if first is None:
        assert last is not None
        return {position for position in range(size) if position >= size - last}
    return {position for position in range(size) if position >= first and (last is None or position <= last)}


class SpansTests(UnitTestCase):
    def test_the_examples_of_the_rfc(self) -> None:
        for value, expected in {
            b"bytes=0-499": (Span(0, 500),),
            b"bytes=500-999": (Span(500, 1000),),
            b"bytes=-500": (Span(9500, 10000),),
            b"bytes=9500-": (Span(9500, 10000),),
            b"bytes=0-0,-1": (Span(0, 1), Span(9999, 10000)),
            b"bytes= 0-999, 4500-5499, -1000": (Span(0, 1000), Span(4500, 5500), Span(9000, 10000)),
            b"bytes=500-600,601-999": (Span(500, 601), Span(601, 1000)),
        }.items():
            self.assertEqual(spans(value, 10000), expected, value)

    def test_the_unit_is_known_in_any_case_and_empty_elements_are_skipped(self) -> None:
        self.assertEqual(spans(b"BYTES=,0-1,\t,5-6 ,", 10), (Span(0, 2), Span(5, 7)))

    def test_ends_beyond_the_file_are_cut(self) -> None:
        self.assertEqual(spans(b"bytes=5-99", 10), (Span(5, 10),))
        self.assertEqual(spans(b"bytes=-99", 10), (Span(0, 10),))
        self.assertEqual(spans(b"bytes=5-" + b"9" * 5000, 10), (Span(5, 10),))
        self.assertEqual(spans(b"bytes=" + b"0" * 5000 + b"5-7", 10), (Span(5, 8),))

    def test_what_cannot_be_satisfied_selects_nothing(self) -> None:
        for value in (
            b"bytes=10-",
            b"bytes=10-20",
            b"bytes=-0",
            b"bytes=99-,100-101",
            b"bytes=" + b"9" * 5000 + b"-",
        ):
            self.assertEqual(spans(value, 10), (), value)
        self.assertEqual(spans(b"bytes=0-", 0), ())

    def test_one_range_that_can_be_satisfied_is_enough(self) -> None:
        self.assertEqual(spans(b"bytes=50-60,2-3,-0", 10), (Span(2, 4),))

    def test_a_header_that_makes_no_sense_is_ignored(self) -> None:
        for value in (
            b"",
            b"bytes",
            b"bytes=",
            b"bytes=,",
            b"bytes=-",
            b"bytes=a-b",
            b"bytes=1",
            b"bytes=5-4",
            b"items=0-1",
            b"bytes=0-1,x",
            b"bytes=0-1,5-4",
            b"bytes=1-2-3",
            b"bytes=+1-2",
            b"bytes=0x1-2",
            b"bytes=0-1\n",
            b"bytes =0-1",
            b"bytes=0 - 1",
            b"bytes=\xb2-3",
            b"bytes=0-1, bytes=2-3",
        ):
            self.assertIsNone(spans(value, 10), value)

    def test_the_end_of_an_empty_file_is_the_whole_of_it(self) -> None:
        self.assertIsNone(spans(b"bytes=-5", 0))

    def test_overlapping_ranges_are_merged_at_the_place_of_the_first(self) -> None:
        self.assertEqual(spans(b"bytes=20-29,0-4,25-34", 100), (Span(20, 35), Span(0, 5)))
        self.assertEqual(spans(b"bytes=0-4,8-12,90-,3-9", 100), (Span(0, 13), Span(90, 100)))

    def test_the_same_range_a_hundred_times_is_no_lever(self) -> None:
        self.assertEqual(spans(b"bytes=" + b",".join([b"0-"] * MOST_RANGES), 100), (Span(0, 100),))
        self.assertIsNone(spans(b"bytes=" + b",".join([b"0-"] * (MOST_RANGES + 1)), 100))

    @given(st.binary(max_size=40).map(lambda tail: b"bytes=" + tail), st.integers(0, 100))
    def test_any_bytes_are_taken(self, value: bytes, size: int) -> None:
        for span in spans(value, size) or ():
            self.assertTrue(0 <= span.start < span.stop <= size, span)

    @given(st.lists(_SPEC, min_size=1, max_size=MOST_RANGES), st.integers(1, 120))
    def test_the_selected_bytes_are_those_asked_for_each_once(
        self, specs: list[tuple[int | None, int | None]], size: int
    ) -> None:
        selected = spans(b"bytes=" + b", ".join(map(_written, specs)), size)
        assert selected is not None
        positions = [position for span in selected for position in range(*span)]
        self.assertEqual(len(set(positions)), len(positions))
        self.assertEqual(set(positions), set().union(*(_bytes_of(spec, size) for spec in specs)))


class PartHeadsTests(UnitTestCase):
    def test_a_multipart_body_begins_and_ends_with_its_boundary(self) -> None:
        selected = (Span(0, 2), Span(4, 5))
        heads = part_heads(selected, 9, b"text/plain", b"XX")
        self.assertEqual(
            heads,
            [
                b"--XX\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/9\r\n\r\n",
                b"\r\n--XX\r\nContent-Type: text/plain\r\nContent-Range: bytes 4-4/9\r\n\r\n",
                b"\r\n--XX--\r\n",
            ],
        )
