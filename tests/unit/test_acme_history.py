"""What was refused, remembered over a restart."""

from __future__ import annotations

from pathlib import Path

from duck_tx.https.acme.history import History
from tests.case import UnitTestCase

NAMES = ("example.org",)
NOON = 1_800_000_000.0


class HistoryTests(UnitTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp()).absolute()
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def note(self, *minutes: float, retry_after: float | None = None) -> None:
        for minute in minutes:
            History(self.path, NAMES).note(f"no at {minute:g}", NOON + minute * 60, retry_after)

    def wait(self, minute: float, names: tuple[str, ...] = NAMES) -> float:
        """Minutes to wait."""
        return History(self.path, names).wait(NOON + minute * 60, 3)[0] / 60

    def test_without_a_failure_there_is_no_wait(self) -> None:
        self.assertEqual(History(self.path, NAMES).wait(NOON, 3), (0.0, ""))

    def test_few_failures_are_not_waited_for(self) -> None:
        self.note(0, 1)
        self.assertEqual(self.wait(1), 0)

    def test_enough_failures_are_waited_for_until_the_hour_of_the_first_is_over(self) -> None:
        self.note(0, 10, 20)
        self.assertEqual(self.wait(20), 40)
        self.assertEqual(self.wait(59), 1)
        self.assertEqual(self.wait(60), 0)
        self.note(60)
        self.assertEqual(self.wait(60), 10)

    def test_what_was_said_last_is_repeated(self) -> None:
        self.note(0, 10, 20)
        self.assertEqual(History(self.path, NAMES).wait(NOON + 1200, 3)[1], "no at 20")

    def test_the_authority_s_own_wait_is_kept(self) -> None:
        self.note(0, retry_after=5400)
        self.assertEqual(self.wait(1), 89)
        self.assertEqual(self.wait(90), 0)

    def test_no_wait_is_longer_than_a_week(self) -> None:
        self.note(0, retry_after=1e9)
        self.assertEqual(self.wait(0), 7 * 24 * 60)

    def test_failures_of_a_clock_that_was_wrong_do_not_count(self) -> None:
        self.note(1_000_000, 1_000_001, 1_000_002, retry_after=60)
        self.assertEqual(self.wait(0), 0)

    def test_other_names_are_another_matter(self) -> None:
        self.note(0, 1, 2)
        self.assertEqual(self.wait(2, ("www.example.org",)), 0)

    def test_success_is_the_end_of_it(self) -> None:
        self.note(0, 1, 2)
        History(self.path, NAMES).clear()
        History(self.path, NAMES).clear()
        self.assertEqual(self.wait(2), 0)
        self.assertFalse(self.path.exists())

    def test_a_damaged_file_is_as_good_as_none(self) -> None:
        for text in ("", "{", '{"names": 1}', "[]"):
            self.path.write_text(text)
            self.assertEqual(self.wait(0), 0)
        self.note(0, 1, 2)
        self.assertEqual(self.wait(2), 58)
