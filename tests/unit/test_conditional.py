"""Preconditions in the order of RFC 9110 13.2.2."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.content.conditional import Outcome, Validators, precondition, range_applies
from tests.case import UnitTestCase

_ETAG = b'"abc"'
_MODIFIED = 784111777
_DATE = b"Sun, 06 Nov 1994 08:49:37 GMT"
_BEFORE = b"Sun, 06 Nov 1994 08:49:36 GMT"
_AFTER = b"Sun, 06 Nov 1994 08:49:38 GMT"
_VALIDATORS = Validators(_ETAG, _MODIFIED, _DATE)


def _outcome(**asked: bytes) -> Outcome:
    return precondition({name.replace("_", "-").encode(): value for name, value in asked.items()}, _VALIDATORS)


class PreconditionTests(UnitTestCase):
    def test_without_any_the_request_goes_on(self) -> None:
        self.assertIs(_outcome(), Outcome.PROCEED)

    def test_if_match_compares_strongly(self) -> None:
        for value in (b"*", b'"abc"', b'"x", "abc"', b'"x","abc" , W/"y"', b'"a,b", "abc"'):
            self.assertIs(_outcome(if_match=value), Outcome.PROCEED, value)
        for value in (b'"x"', b'W/"abc"', b"abc", b"", b'"abc', b'"x" abc', b'"x", W/"abc"'):
            self.assertIs(_outcome(if_match=value), Outcome.FAILED, value)

    def test_if_unmodified_since_counts_only_without_if_match(self) -> None:
        self.assertIs(_outcome(if_unmodified_since=_BEFORE), Outcome.FAILED)
        self.assertIs(_outcome(if_unmodified_since=_DATE), Outcome.PROCEED)
        self.assertIs(_outcome(if_unmodified_since=_AFTER), Outcome.PROCEED)
        self.assertIs(_outcome(if_match=_ETAG, if_unmodified_since=_BEFORE), Outcome.PROCEED)

    def test_if_none_match_compares_weakly(self) -> None:
        for value in (b"*", b'"abc"', b'W/"abc"', b'"x", W/"abc"', b'"x" , "abc"'):
            self.assertIs(_outcome(if_none_match=value), Outcome.NOT_MODIFIED, value)
        for value in (b'"x"', b"abc", b"", b'w/"x"', b'"ab"c"'):
            self.assertIs(_outcome(if_none_match=value), Outcome.PROCEED, value)

    def test_if_modified_since_counts_only_without_if_none_match(self) -> None:
        self.assertIs(_outcome(if_modified_since=_DATE), Outcome.NOT_MODIFIED)
        self.assertIs(_outcome(if_modified_since=_AFTER), Outcome.NOT_MODIFIED)
        self.assertIs(_outcome(if_modified_since=_BEFORE), Outcome.PROCEED)
        self.assertIs(_outcome(if_none_match=b'"x"', if_modified_since=_AFTER), Outcome.PROCEED)

    def test_a_failed_precondition_wins_over_not_modified(self) -> None:
        self.assertIs(_outcome(if_match=b'"x"', if_none_match=_ETAG), Outcome.FAILED)
        self.assertIs(_outcome(if_unmodified_since=_BEFORE, if_modified_since=_DATE), Outcome.FAILED)

    def test_a_met_precondition_leaves_not_modified_possible(self) -> None:
        self.assertIs(_outcome(if_match=_ETAG, if_none_match=_ETAG), Outcome.NOT_MODIFIED)

    def test_all_three_forms_of_a_date_are_read(self) -> None:
        for value in (_DATE, b"Sunday, 06-Nov-94 08:49:37 GMT", b"Sun Nov  6 08:49:37 1994"):
            self.assertIs(_outcome(if_modified_since=value), Outcome.NOT_MODIFIED, value)
            self.assertIs(_outcome(if_unmodified_since=value), Outcome.PROCEED, value)

    def test_a_date_that_cannot_be_read_is_ignored(self) -> None:
        repeated = _AFTER + b", " + _AFTER
        for value in (
            b"",
            b"yesterday",
            b"0",
            b"-1",
            b"Sun, 99 Foo 1994 08:49:37 GMT",
            b"\xff",
            b"Sun,",
            repeated,
        ):
            self.assertIs(_outcome(if_modified_since=value), Outcome.PROCEED, value)
            self.assertIs(_outcome(if_unmodified_since=value), Outcome.PROCEED, value)

    @given(st.binary(max_size=40) | st.text(max_size=40).map(str.encode))
    def test_no_value_makes_it_raise(self, value: bytes) -> None:
        for name in ("if_match", "if_none_match", "if_modified_since", "if_unmodified_since"):
            self.assertIsInstance(_outcome(**{name: value}), Outcome)


class RangeAppliesTests(UnitTestCase):
    def _applies(self, value: bytes, now: float = _MODIFIED + 60) -> bool:
        return range_applies({b"if-range": value}, _VALIDATORS, now)

    def test_without_if_range_it_does(self) -> None:
        self.assertTrue(range_applies({}, _VALIDATORS, 0))

    def test_the_entity_tag_must_be_the_same_and_strong(self) -> None:
        self.assertTrue(self._applies(_ETAG))
        for value in (b'W/"abc"', b'"x"', b"*", b'"abc", "x"', b""):
            self.assertFalse(self._applies(value), value)

    def test_the_date_must_be_the_very_same(self) -> None:
        self.assertTrue(self._applies(_DATE))
        for value in (_BEFORE, _AFTER, b"Sunday, 06-Nov-94 08:49:37 GMT", b"never"):
            self.assertFalse(self._applies(value), value)

    def test_the_date_of_a_file_changed_this_second_is_too_weak(self) -> None:
        self.assertFalse(self._applies(_DATE, now=_MODIFIED + 0.5))
