"""``duckctl certificates list`` for people."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from duck_tx.cli.served import as_text, until
from tests.case import UnitTestCase

_NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def _certificate(*names: str, days: float, source: str = "/etc/cert.pem") -> dict[str, Any]:
    return {"names": list(names), "expires": (_NOW + timedelta(days=days)).isoformat(), "source": source}


class UntilTests(UnitTestCase):
    def test_the_end_is_told_in_words(self) -> None:
        for left, words in (
            (timedelta(days=90), "2027-02-20, in 90 days"),
            (timedelta(days=2, hours=5), "2026-11-24, in 2 days"),
            (timedelta(days=1, hours=5), "2026-11-23, in 1 day 5 hours"),
            (timedelta(minutes=5), "2026-11-22, in 5 minutes"),
            (timedelta(hours=-1), "2026-11-22, 1 hour ago"),
            (timedelta(days=-3), "2026-11-19, 3 days ago"),
        ):
            self.assertEqual(until(_NOW + left, _NOW), words)


class CertificatesTextTests(UnitTestCase):
    def test_they_are_a_table(self) -> None:
        found = [_certificate("a.test", "b.test", days=90), _certificate("*.c.test", days=20, source="the stand-in")]
        self.assertEqual(
            as_text(found, _NOW, colour=False).splitlines(),
            [
                "NAMES           VALID UNTIL             SOURCE",
                "a.test, b.test  2027-02-20, in 90 days  /etc/cert.pem",
                "*.c.test        2026-12-12, in 20 days  the stand-in",
            ],
        )

    def test_a_hundred_names_are_not_all_told(self) -> None:
        found = [_certificate(*(f"{number}.test" for number in range(100)), days=1), _certificate(days=1)]
        lines = as_text(found, _NOW, colour=False).splitlines()
        self.assertTrue(lines[1].startswith("0.test, 1.test, 2.test and 97 more  2026-"), lines)
        self.assertTrue(lines[2].startswith("nobody  "), lines)

    def test_those_that_need_looking_after_are_in_colour(self) -> None:
        found = [_certificate("a", days=days) for days in (20, 13, -1)]
        lines = as_text(found, _NOW, colour=True).splitlines()
        self.assertEqual([line[:5] for line in lines[2:]], ["\x1b[33m", "\x1b[31m"])
        self.assertEqual([line.startswith("\x1b") for line in lines[:2]], [False, False])
