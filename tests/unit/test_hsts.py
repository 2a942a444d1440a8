"""What Strict-Transport-Security says for which settings."""

from __future__ import annotations

from typing import Any

from duck_tx.https.hsts import YEAR, hsts_value
from duck_tx.settings import HttpsSettings
from tests.case import UnitTestCase


def _value(*, is_development: bool = False, **settings: Any) -> bytes | None:
    return hsts_value(HttpsSettings(enabled=True, **settings), is_development=is_development)


class HstsTests(UnitTestCase):
    def test_where_plain_http_is_redirected_it_is_a_year(self) -> None:
        self.assertEqual(_value(force=True), b"max-age=31536000")
        self.assertEqual(YEAR, 365 * 24 * 60 * 60)

    def test_without_the_redirect_nothing_is_said(self) -> None:
        self.assertIsNone(_value())
        self.assertIsNone(_value(hsts_subdomains=True, hsts_preload=True))

    def test_in_development_nothing_is_said_unless_asked_for(self) -> None:
        self.assertIsNone(_value(force=True, is_development=True))
        self.assertEqual(_value(force=True, hsts=60, is_development=True), b"max-age=60")

    def test_what_is_set_is_said_with_or_without_the_redirect(self) -> None:
        self.assertEqual(_value(hsts=300), b"max-age=300")
        self.assertEqual(_value(hsts=1, force=True), b"max-age=1")

    def test_zero_says_nothing(self) -> None:
        self.assertIsNone(_value(hsts=0, force=True))

    def test_subdomains_and_preload_are_added(self) -> None:
        self.assertEqual(_value(hsts=YEAR, hsts_subdomains=True), b"max-age=31536000; includeSubDomains")
        self.assertEqual(
            _value(force=True, hsts_subdomains=True, hsts_preload=True),
            b"max-age=31536000; includeSubDomains; preload",
        )
