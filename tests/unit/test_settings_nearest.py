"""Guessing what a misspelt key stands for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.settings.fields import FIELDS
from duck_tx.settings.nearest import nearest
from tests.case import UnitTestCase


class NearestTests(UnitTestCase):
    def test_a_slip_in_the_name_or_the_section_is_mended(self) -> None:
        for key, meant in {
            "server.prot": "server.port",
            "sever.port": "server.port",
            "htpp.max_uri": "http.max_uri",
            "http.max_connection": "http.max_connections",
            "http.maxuri": "http.max_uri",
            "gateway.wsgy": "gateway.wsgi",
        }.items():
            self.assertEqual(nearest(key, FIELDS), meant, key)

    def test_a_right_name_in_the_wrong_place_is_found(self) -> None:
        self.assertEqual(nearest("port", FIELDS), "server.port")
        self.assertEqual(nearest("http.port", FIELDS), "server.port")
        self.assertEqual(nearest("prot", FIELDS), "server.port")

    def test_of_two_equal_names_the_closer_section_is_meant(self) -> None:
        self.assertEqual(nearest("locks.file", ["cache.file", "log.file"]), "log.file")

    def test_nothing_near_is_no_guess(self) -> None:
        self.assertIsNone(nearest("zebra.stripes", FIELDS))
        self.assertIsNone(nearest("server.zebra", FIELDS))

    @given(st.sampled_from(sorted(FIELDS)))
    def test_a_right_key_is_its_own_nearest(self, key: str) -> None:
        self.assertEqual(nearest(key, FIELDS), key)

    @given(st.text())
    def test_a_guess_is_always_a_known_key(self, key: str) -> None:
        self.assertIn(nearest(key, FIELDS), [None, *FIELDS])
