"""Time zones by name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.automations import zone as zones
from duck_tx.automations.zone import unknown, zone
from tests.case import UnitTestCase


class ZoneTests(UnitTestCase):
    def test_a_zone_is_found_by_its_name(self) -> None:
        berlin = zone("Europe/Berlin")
        self.assertEqual(datetime(2026, 7, 1, tzinfo=berlin).utcoffset(), timedelta(hours=2))

    def test_no_name_and_utc_need_no_database(self) -> None:
        self.assertIs(zone(""), UTC)
        self.assertIs(zone("UTC"), UTC)

    def test_what_is_no_name_is_no_zone(self) -> None:
        for name in ("Europe/Berln", "Europe", "../etc/passwd", "/etc/localtime", "\0", "ä", "a" * 5000):
            self.assertIsNone(zone(name), name)

    @given(st.text())
    def test_any_text_can_be_asked_for(self, name: str) -> None:
        zone(name)


class UnknownTests(UnitTestCase):
    def test_the_nearest_name_is_given(self) -> None:
        for name, nearest in {
            "Europe/Berln": "Europe/Berlin",
            "europe/berlin": "Europe/Berlin",
            "Berlin": "Europe/Berlin",
            "America/New York": "America/New_York",
        }.items():
            self.assertEqual(unknown(name), f"unknown timezone {name!r}: did you mean {nearest!r}?")

    def test_where_none_is_near_it_says_what_a_name_looks_like(self) -> None:
        self.assertEqual(unknown("xyz"), "unknown timezone 'xyz': it takes a name such as 'Europe/Berlin' or 'UTC'")

    def test_a_machine_without_zones_is_told_how_to_get_them(self) -> None:
        self.patch(zones, "available_timezones", set)
        self.assertIn("pip install tzdata", unknown("Europe/Berlin"))
