"""What clients are told of a file."""

from __future__ import annotations

import os
import re

from duck_tx.content.coding import CODINGS
from duck_tx.content.representation import Presentation, Representation, identity, settled
from tests.case import UnitTestCase

_SITE = Presentation(max_age=60, immutable=True, precompressed=True, untrusted=False)
_UPLOADS = Presentation(max_age=60, immutable=True, precompressed=False, untrusted=True)


class RepresentationTests(UnitTestCase):
    def setUp(self) -> None:
        self.path = self.mktemp()
        self._write("content")
        os.utime(self.path, ns=(0, 784111777_123456789))

    def _write(self, text: str) -> None:
        with open(self.path, "w") as file:
            file.write(text)

    def _shown(
        self,
        name: str = "a.css",
        coding: int | None = None,
        presentation: Presentation = _SITE,
        now: float = 2e9,
    ) -> Representation:
        chosen = None if coding is None else CODINGS[coding]
        return presentation.representation(name, self.path, chosen, os.stat(self.path), now)

    def test_a_file_of_the_site(self) -> None:
        fields = dict(self._shown().fields)
        self.assertRegex(fields.pop(b"ETag"), re.compile(rb'"[0-9a-f]+-7"'))
        self.assertEqual(
            fields,
            {
                b"Content-Type": b"text/css; charset=utf-8",
                b"Last-Modified": b"Sun, 06 Nov 1994 08:49:37 GMT",
                b"Cache-Control": b"max-age=60",
                b"Accept-Ranges": b"bytes",
                b"X-Content-Type-Options": b"nosniff",
                b"Vary": b"Accept-Encoding",
            },
        )

    def test_a_coding_has_a_tag_of_its_own_and_the_type_of_the_file(self) -> None:
        fields = dict(self._shown(coding=0).fields)
        self.assertEqual(fields[b"Content-Encoding"], b"br")
        self.assertEqual(fields[b"Content-Type"], b"text/css; charset=utf-8")
        tags = {self._shown(coding=coding).validators.etag for coding in (None, 0, 1, 2)}
        self.assertEqual(len(tags), 4)

    def test_the_tag_changes_with_time_and_with_size(self) -> None:
        tags = {self._shown().validators.etag}
        os.utime(self.path, ns=(0, 784111777_123456788))
        tags.add(self._shown().validators.etag)
        self._write("longer content")
        os.utime(self.path, ns=(0, 784111777_123456788))
        tags.add(self._shown().validators.etag)
        self.assertEqual(len(tags), 3)

    def test_the_answer_not_modified_carries_what_caches_need(self) -> None:
        names = [name for name, _ in self._shown().fields_304]
        self.assertEqual(sorted(names), [b"Cache-Control", b"ETag", b"Vary"])

    def test_no_file_is_modified_in_the_future(self) -> None:
        shown = self._shown(now=784111770.5)
        self.assertEqual(shown.validators.modified, 784111770)
        self.assertIn((b"Last-Modified", b"Sun, 06 Nov 1994 08:49:30 GMT"), shown.fields)

    def test_a_page_that_a_user_uploaded_gets_an_origin_of_its_own(self) -> None:
        for name in ("page.html", "picture.svg", "prog.py", "photo.jpg", "film.mp4"):
            fields = dict(self._shown(name, presentation=_UPLOADS).fields)
            policy = fields[b"Content-Security-Policy"].split(b"; ")
            self.assertIn(b"sandbox", policy)
            self.assertIn(b"default-src 'none'", policy)
            self.assertEqual(fields[b"X-Content-Type-Options"], b"nosniff")
        self.assertEqual(fields[b"Content-Type"], b"video/mp4")

    def test_an_uploaded_paper_can_still_be_shown(self) -> None:
        self.assertNotIn(b"Content-Security-Policy", dict(self._shown("a.pdf", presentation=_UPLOADS).fields))

    def test_users_cannot_make_a_file_immutable_by_its_name(self) -> None:
        name = "a.0a1b2c3d4e5f.css"
        self.assertIn(b"immutable", dict(self._shown(name).fields)[b"Cache-Control"])
        self.assertEqual(dict(self._shown(name, presentation=_UPLOADS).fields)[b"Cache-Control"], b"max-age=60")

    def test_without_siblings_nothing_varies(self) -> None:
        self.assertNotIn(b"Vary", dict(self._shown(presentation=_UPLOADS).fields))

    def test_identity_changes_with_content_time_and_permissions(self) -> None:
        seen = {identity(os.stat(self.path))}
        os.chmod(self.path, 0o600)
        seen.add(identity(os.stat(self.path)))
        os.utime(self.path, ns=(0, 1))
        seen.add(identity(os.stat(self.path)))
        os.rename(self.path, self.path + ".old")
        self._write("content")
        os.utime(self.path, ns=(0, 1))
        seen.add(identity(os.stat(self.path)))
        self.assertEqual(len(seen), 4)

    def test_a_file_just_written_may_change_unseen(self) -> None:
        status = os.stat(self.path)
        self.assertFalse(settled(status, status.st_ctime + 1))
        self.assertTrue(settled(status, status.st_ctime + 3))
        os.utime(self.path, ns=(0, 4_000_000_000_000_000_000))
        self.assertFalse(settled(os.stat(self.path), status.st_ctime + 3))
