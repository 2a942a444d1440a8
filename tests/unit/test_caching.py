"""Which names are taken to change with the content of their file."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.content.caching import cache_control, is_hashed
from tests.case import UnitTestCase


class IsHashedTests(UnitTestCase):
    def test_names_that_django_makes(self) -> None:
        for name in (
            "css/site.0a1b2c3d4e5f.css",
            "js/jquery.min.220afd743d9e.js",
            "js/jquery.min.js.220afd743d9e.map",
            "LICENSE.220afd743d9e",
            "admin/img/icon-yes.d2f9f035226a.svg",
            "a.123456789012.css",
        ):
            self.assertTrue(is_hashed(name), name)

    def test_names_that_bundlers_make(self) -> None:
        for name in (
            "main.073c9b0a.js",
            "main.073c9b0a.js.map",
            "chunk-8f3b2c1d.css",
            "8e0d62a10f2ea7e0f8c5.png",
            "main.8e0d62a10f2ea7e0f8c5.js",
            "pages/index-4a83bdcd6fa2c1ef.js",
            "assets/index-BTJ9b0zP.js",
            "app/assets/vendor-D3-xY_z1.css",
            "assets/index-BTJ9b0zP.js.map",
        ):
            self.assertTrue(is_hashed(name), name)

    def test_names_that_people_make(self) -> None:
        for name in (
            "site.css",
            "jquery-3.7.1.min.js",
            "report-20240131.pdf",
            "backup.202401311230.zip",
            "backup.199912312359",
            "photo-20240131.jpg",
            "app.facade.js",
            "x.deadbeef.js",
            "assets/my-document.js",
            "assets/api-Version1.js",
            "assets/picture-BTJ9b0zP.jpg",
            "index-BTJ9b0zP.js",
            "site.0A1B2C3D4E5F.css",
            "site.0a1b2c3d4e5.css",
            "site.0a1b2c3d4e5f6.css",
            "0a1b2c3d.js",
            ".0a1b2c3d4e5f.css",
            "0a1b2c3d4e5f/site.css",
            "site.0a1b2c3d4e5f/x.css",
            "font-1.2.0a1b2c3d",
            "",
        ):
            self.assertFalse(is_hashed(name), name)

    @given(st.binary())
    def test_every_name_of_djangos_manifest_storage_is_known(self, content: bytes) -> None:
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()[:12]
        dated = digest.isdecimal() and digest[:2] in ("19", "20")
        self.assertEqual(is_hashed(f"css/site.{digest}.css"), not dated)


class CacheControlTests(UnitTestCase):
    def test_a_hashed_name_may_be_kept_for_ever(self) -> None:
        value = cache_control("site.0a1b2c3d4e5f.css", 60, True)
        self.assertEqual(value, b"public, max-age=31536000, immutable")

    def test_any_other_name_may_be_kept_for_the_seconds_set(self) -> None:
        self.assertEqual(cache_control("site.css", 60, True), b"max-age=60")
        self.assertEqual(cache_control("site.css", 0, True), b"max-age=0")

    def test_hashes_mean_nothing_when_switched_off(self) -> None:
        self.assertEqual(cache_control("site.0a1b2c3d4e5f.css", 60, False), b"max-age=60")
