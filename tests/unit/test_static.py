"""Files over HTTP: whole, conditionally, in ranges and in other codings."""

from __future__ import annotations

import os
from email.parser import BytesParser
from email.policy import HTTP

from duck_tx.content.shelf import SMALL
from duck_tx.content.static import StaticFiles
from tests.unit.static_case import CSS, DATE, LARGE, MODIFIED, FakeRequest, StaticTestCase


class WholeFileTests(StaticTestCase):
    def test_a_small_file_is_answered_from_memory_and_disk_alike(self) -> None:
        for ahead in (0.0, 10.0, 10.0):
            self.ahead = ahead
            request = self.ask()
            self.assertEqual(request.code, 200)
            self.assertEqual(request.body, CSS)
            self.assertEqual(request.files, [])
            self.assertEqual(request.field(b"Content-Type"), b"text/css; charset=utf-8")
            self.assertEqual(request.field(b"Last-Modified"), DATE)
            self.assertEqual(request.field(b"Cache-Control"), b"max-age=0")
            self.assertEqual(request.field(b"Accept-Ranges"), b"bytes")
            self.assertEqual(request.field(b"Vary"), b"Accept-Encoding")
            self.assertEqual(request.field(b"X-Content-Type-Options"), b"nosniff")

    def test_a_large_file_is_handed_over_open(self) -> None:
        request = self.ask(b"large.bin")
        self.assertEqual(request.body, LARGE)
        self.assertEqual(len(request.files), 1)

    def test_files_around_the_limit_and_empty_ones_are_whole(self) -> None:
        for size in (0, 1, SMALL - 1, SMALL, SMALL + 1):
            self.write("file", b"x" * size)
            self.assertEqual(self.ask(b"file").body, b"x" * size)

    def test_head_has_the_fields_of_get_and_no_body(self) -> None:
        for path in (b"css/site.css", b"large.bin", b"none"):
            get, head = self.ask(path), self.ask(path, method=b"HEAD")
            self.assertEqual(head.body, b"")
            self.assertEqual(head.code, get.code)
            self.assertEqual(head.responseHeaders, get.responseHeaders)

    def test_other_methods_are_not_allowed(self) -> None:
        for method in (b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PROPFIND", b"get"):
            request = self.ask(method=method)
            self.assertEqual(request.code, 405)
            self.assertEqual(request.field(b"Allow"), b"GET, HEAD")

    def test_the_settings_for_caches_are_kept(self) -> None:
        self.write("a.0a1b2c3d4e5f.css", b"")
        for immutable, hashed in ((True, b"public, max-age=31536000, immutable"), (False, b"max-age=60")):
            self.files = StaticFiles(self.root, max_age=60, immutable=immutable)
            self.assertEqual(self.ask().field(b"Cache-Control"), b"max-age=60")
            self.assertEqual(self.ask(b"a.0a1b2c3d4e5f.css").field(b"Cache-Control"), hashed)

    def test_uploads_are_put_in_a_sandbox(self) -> None:
        self.write("page.html", b"<script>")
        self.assertIsNone(self.ask(b"page.html").field(b"Content-Security-Policy"))
        self.files = StaticFiles(self.root, untrusted=True)
        request = self.ask(b"page.html")
        self.assertEqual(request.field(b"Content-Type"), b"text/html; charset=utf-8")
        self.assertIn(b"sandbox", request.field(b"Content-Security-Policy") or b"")

    def test_a_file_edited_in_place_is_answered_as_it_is_now(self) -> None:
        self.assertEqual(self.ask().body, CSS)
        self.write("css/site.css", b"i {}", MODIFIED)
        self.assertEqual(self.ask().body, b"i {}")

    def test_a_root_or_a_finder_is_needed_and_not_both(self) -> None:
        self.assertRaises(ValueError, StaticFiles)
        self.assertRaises(ValueError, StaticFiles, self.root, finder=lambda name: None)


class ConditionalTests(StaticTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.etag = self.ask().field(b"ETag") or b""

    def test_what_the_client_has_is_not_sent_again(self) -> None:
        for field in (
            (b"If-None-Match", self.etag),
            (b"if-none-match", b'"x", W/' + self.etag),
            (b"If-Modified-Since", DATE),
        ):
            for method in (b"GET", b"HEAD"):
                request = self.ask(b"css/site.css", field, method=method)
                self.assertEqual(request.code, 304)
                self.assertEqual(request.body, b"")
                self.assertEqual(request.field(b"ETag"), self.etag)
                self.assertEqual(request.field(b"Vary"), b"Accept-Encoding")
                self.assertIsNone(request.field(b"Content-Length"))
                self.assertIsNone(request.field(b"Content-Type"))

    def test_lists_may_come_in_several_fields(self) -> None:
        fields = ((b"If-None-Match", b'"x"'), (b"If-None-Match", self.etag))
        self.assertEqual(self.code(b"css/site.css", *fields), 304)

    def test_a_tag_is_asked_about_one_coding_only(self) -> None:
        self.write("css/site.css.gz", b"gzipped")
        fields = ((b"If-None-Match", self.etag), (b"Accept-Encoding", b"gzip"))
        request = self.ask(b"css/site.css", *fields)
        self.assertEqual((request.code, request.body), (200, b"gzipped"))
        self.assertEqual(self.code(b"css/site.css", (b"If-None-Match", self.etag)), 304)

    def test_a_lost_update_is_a_failed_precondition(self) -> None:
        request = self.ask(b"css/site.css", (b"If-Match", b'"x"'))
        self.assertEqual(request.code, 412)
        self.assertIsNone(request.field(b"ETag"))
        self.assertEqual(self.code(b"css/site.css", (b"If-Match", self.etag)), 200)

    def test_a_missing_file_is_missing_whatever_the_condition(self) -> None:
        self.assertEqual(self.code(b"none", (b"If-Match", b"*")), 404)
        self.assertEqual(self.code(b"none", (b"If-None-Match", b"*")), 404)


class RangeTests(StaticTestCase):
    def test_one_range_of_small_and_large_files(self) -> None:
        for path, whole in ((b"css/site.css", CSS), (b"large.bin", LARGE)):
            request = self.ask(path, (b"Range", b"bytes=5-9"))
            self.assertEqual(request.code, 206)
            self.assertEqual(request.body, whole[5:10])
            self.assertEqual(request.field(b"Content-Range"), b"bytes 5-9/%d" % len(whole))
            whole_request = self.ask(path)
            for name in (b"ETag", b"Last-Modified", b"Content-Type", b"Cache-Control", b"Vary"):
                self.assertEqual(request.field(name), whole_request.field(name))

    def test_several_ranges_are_a_multipart_message(self) -> None:
        for path, whole, kind in (
            (b"css/site.css", CSS, "text/css"),
            (b"large.bin", LARGE, "application/octet-stream"),
        ):
            request = self.ask(path, (b"Range", b"bytes=10-14, 0-1, -3"))
            self.assertEqual(request.code, 206)
            self.assertIsNone(request.field(b"Content-Range"))
            head = b"Content-Type: %b\r\n\r\n" % (request.field(b"Content-Type") or b"")
            message = BytesParser(policy=HTTP).parsebytes(head + request.body)
            self.assertEqual(message.get_content_type(), "multipart/byteranges")
            self.assertEqual(message.defects, [])
            size = len(whole)
            found = [
                (part["Content-Range"], part.get_content_type(), part.get_payload(decode=True))
                for part in message.iter_parts()
            ]
            expected = [
                (f"bytes 10-14/{size}", kind, whole[10:15]),
                (f"bytes 0-1/{size}", kind, whole[:2]),
                (f"bytes {size - 3}-{size - 1}/{size}", kind, whole[-3:]),
            ]
            self.assertEqual(found, expected)

    def test_two_boundaries_are_never_the_same(self) -> None:
        field = (b"Range", b"bytes=0-1,4-5")
        kinds = {self.ask(b"large.bin", field).field(b"Content-Type") for _ in range(3)}
        self.assertEqual(len(kinds), 3)

    def test_ranges_that_overlap_come_as_one(self) -> None:
        request = self.ask(b"large.bin", (b"Range", b"bytes=0-9,5-14"))
        self.assertEqual((request.code, request.body), (206, LARGE[:15]))
        self.assertEqual(request.field(b"Content-Range"), b"bytes 0-14/%d" % len(LARGE))

    def test_no_number_of_ranges_makes_the_answer_much_longer_than_the_file(self) -> None:
        for count in (2, 16, 17, 1000):
            for value in (b"0-", b"-100000", b"1-2,3-"):
                request = self.ask(b"large.bin", (b"Range", b"bytes=" + b",".join([value] * count)))
                self.assertLess(len(request.body), len(LARGE) + 1000)

    def test_a_range_that_cannot_be_satisfied_is_told_the_length(self) -> None:
        request = self.ask(b"css/site.css", (b"Range", b"bytes=20-"))
        self.assertEqual(request.code, 416)
        self.assertEqual(request.field(b"Content-Range"), b"bytes */20")
        self.assertIsNone(request.field(b"ETag"))

    def test_what_is_no_range_gets_the_whole_file(self) -> None:
        for value in (b"bytes=5-4", b"lines=1-2", b"bytes=x"):
            self.assertEqual(self.ask(b"css/site.css", (b"Range", value)).body, CSS)
        twice = (b"Range", b"bytes=0-1"), (b"Range", b"bytes=2-3")
        self.assertEqual(self.ask(b"css/site.css", *twice).body, CSS)

    def test_head_takes_no_range(self) -> None:
        request = self.ask(b"large.bin", (b"Range", b"bytes=0-1"), method=b"HEAD")
        self.assertEqual(request.code, 200)
        self.assertEqual(request.field(b"Content-Length"), b"%d" % len(LARGE))

    def test_a_range_of_another_state_of_the_file_gets_the_whole(self) -> None:
        etag = self.ask().field(b"ETag") or b""
        for value, code in ((etag, 206), (DATE, 206), (b'"old"', 200), (b"W/" + etag, 200)):
            fields = ((b"Range", b"bytes=0-1"), (b"If-Range", value))
            self.assertEqual(self.code(b"css/site.css", *fields), code, value)

    def test_preconditions_come_before_ranges(self) -> None:
        fields = ((b"Range", b"bytes=99-"), (b"If-None-Match", b"*"))
        self.assertEqual(self.code(b"css/site.css", *fields), 304)
        fields = ((b"Range", b"bytes=0-1"), (b"If-Match", b'"x"'))
        self.assertEqual(self.code(b"css/site.css", *fields), 412)

    def test_a_range_of_a_sibling_is_cut_from_its_bytes(self) -> None:
        self.write("css/site.css.br", b"brotli")
        fields = ((b"Range", b"bytes=1-2"), (b"Accept-Encoding", b"br"))
        request = self.ask(b"css/site.css", *fields)
        self.assertEqual((request.code, request.body), (206, b"ro"))
        self.assertEqual(request.field(b"Content-Encoding"), b"br")


class SiblingTests(StaticTestCase):
    def setUp(self) -> None:
        super().setUp()
        for ending in ("br", "zst", "gz"):
            self.write(f"css/site.css.{ending}", ending.encode())

    def accepting(self, value: bytes) -> FakeRequest:
        return self.ask(b"css/site.css", (b"Accept-Encoding", value))

    def test_the_client_says_which_it_takes(self) -> None:
        for value, coding, body in (
            (b"gzip, deflate, br, zstd", b"br", b"br"),
            (b"gzip, br;q=0.5", b"gzip", b"gz"),
            (b"zstd", b"zstd", b"zst"),
            (b"br;q=0", None, CSS),
            (b"identity", None, CSS),
            (b"deflate", None, CSS),
            (b"", None, CSS),
        ):
            request = self.accepting(value)
            self.assertEqual((request.field(b"Content-Encoding"), request.body), (coding, body), value)
            self.assertEqual(request.field(b"Content-Type"), b"text/css; charset=utf-8")
            self.assertEqual(request.field(b"Vary"), b"Accept-Encoding")

    def test_a_sibling_older_than_the_file_is_ignored(self) -> None:
        self.write("css/site.css", b"new", MODIFIED + 1)
        self.assertEqual(self.accepting(b"br").body, b"new")

    def test_a_sibling_without_a_file_is_no_file(self) -> None:
        os.unlink(os.path.join(self.root, "css/site.css"))
        self.assertEqual(self.accepting(b"br").code, 404)

    def test_siblings_are_not_looked_for_when_switched_off(self) -> None:
        self.files = StaticFiles(self.root, precompressed=False)
        request = self.accepting(b"br")
        self.assertEqual(request.body, CSS)
        self.assertIsNone(request.field(b"Vary"))

    def test_a_sibling_by_its_own_name_is_an_archive(self) -> None:
        request = self.ask(b"css/site.css.gz", (b"Accept-Encoding", b"gzip"))
        self.assertEqual(request.field(b"Content-Type"), b"application/gzip")
        self.assertIsNone(request.field(b"Content-Encoding"))
