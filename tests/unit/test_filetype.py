"""Types by name, the same on every machine."""

from __future__ import annotations

import mimetypes

from duck_tx.content.filetype import content_type, media_type
from tests.case import UnitTestCase


class ContentTypeTests(UnitTestCase):
    def test_the_types_a_site_is_made_of(self) -> None:
        for name, expected in {
            "index.html": b"text/html; charset=utf-8",
            "site.css": b"text/css; charset=utf-8",
            "app.js": b"text/javascript; charset=utf-8",
            "app.mjs": b"text/javascript; charset=utf-8",
            "notes.txt": b"text/plain; charset=utf-8",
            "data.csv": b"text/csv; charset=utf-8",
            "film.vtt": b"text/vtt; charset=utf-8",
            "data.json": b"application/json",
            "app.js.map": b"application/json",
            "site.webmanifest": b"application/manifest+json",
            "sitemap.xml": b"application/xml",
            "module.wasm": b"application/wasm",
            "logo.svg": b"image/svg+xml",
            "photo.webp": b"image/webp",
            "photo.avif": b"image/avif",
            "photo.jpg": b"image/jpeg",
            "favicon.ico": b"image/vnd.microsoft.icon",
            "font.woff": b"font/woff",
            "font.woff2": b"font/woff2",
            "film.mp4": b"video/mp4",
            "paper.pdf": b"application/pdf",
        }.items():
            self.assertEqual(content_type(name), expected, name)

    def test_case_and_folders_do_not_matter(self) -> None:
        self.assertEqual(content_type("IMG/A.B/PHOTO.JPG"), b"image/jpeg")

    def test_only_the_last_ending_counts(self) -> None:
        self.assertEqual(content_type("backup.tar.gz"), b"application/gzip")
        self.assertEqual(content_type("app.js.br"), b"application/octet-stream")

    def test_rarer_types_come_from_python(self) -> None:
        self.assertEqual(content_type("prog.py"), b"text/x-python; charset=utf-8")
        self.assertEqual(content_type("old.doc"), b"application/msword")

    def test_what_is_not_known_is_bytes(self) -> None:
        for name in ("LICENSE", "a.unheard-of", "a.", "folder.css/file", ".css"):
            self.assertEqual(content_type(name), b"application/octet-stream", name)

    def test_two_well_known_names_have_a_type_without_an_ending(self) -> None:
        self.assertEqual(content_type(".well-known/apple-app-site-association"), b"application/json")
        self.assertEqual(content_type(".well-known/matrix/server"), b"application/json")
        self.assertEqual(content_type("other/server"), b"application/octet-stream")

    def test_what_the_system_or_the_program_adds_to_pythons_table_changes_nothing(self) -> None:
        mimetypes.add_type("text/x-surprise", ".duckling")
        mimetypes.add_type("text/x-surprise", ".py")
        self.addCleanup(mimetypes.init)
        self.assertEqual(mimetypes.guess_type("a.duckling")[0], "text/x-surprise")
        self.assertEqual(media_type("a.duckling"), "application/octet-stream")
        self.assertEqual(media_type("a.py"), "text/x-python")
