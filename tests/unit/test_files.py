from __future__ import annotations

import os
from functools import cache
from tempfile import mkdtemp
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.gateway.files import url_prefixes
from tests.case import UnitTestCase
from tests.unit.child import in_child


class UrlPrefixTests(UnitTestCase):
    def test_a_local_path_is_the_prefix(self) -> None:
        self.assertEqual(url_prefixes("/static/"), [b"/static/"])
        self.assertEqual(url_prefixes("/a/b/"), [b"/a/b/"])

    def test_a_slash_is_added_at_the_end(self) -> None:
        self.assertEqual(url_prefixes("/static"), [b"/static/"])

    def test_the_whole_site_is_no_prefix(self) -> None:
        for url in ("/", "//", "", None):
            self.assertEqual(url_prefixes(url), [])

    def test_files_of_another_host_are_not_ours(self) -> None:
        for url in ("https://cdn.example/static/", "http://[broken/", "//cdn.example/static/", "data:,x"):
            self.assertEqual(url_prefixes(url), [])

    def test_a_path_that_is_still_relative_is_none(self) -> None:
        self.assertEqual(url_prefixes("static/"), [])

    def test_a_script_name_may_have_been_taken_off_by_a_server_in_front(self) -> None:
        for script_name in ("/app", "/app/", "app"):
            self.assertEqual(url_prefixes("/app/static/", script_name), [b"/app/static/", b"/static/"])
        self.assertEqual(url_prefixes("/application/static/", "/app"), [b"/application/static/"])
        self.assertEqual(url_prefixes("/app/", "/app"), [b"/app/"])

    def test_characters_are_encoded_as_a_browser_sends_them(self) -> None:
        self.assertEqual(url_prefixes("/bücher & co/"), [b"/b%C3%BCcher%20&%20co/"])
        self.assertEqual(url_prefixes("/a%20b/"), [b"/a%20b/"])

    @given(st.text(), st.none() | st.text())
    def test_every_prefix_begins_and_ends_with_a_slash_and_is_ascii(self, url: str, script_name: str | None) -> None:
        for prefix in url_prefixes(url, script_name):
            self.assertTrue(prefix.startswith(b"/") and prefix.endswith(b"/"), prefix)
            self.assertTrue(prefix.strip(b"/"), prefix)
            self.assertTrue(prefix.isascii() and b" " not in prefix, prefix)


def mounts_of_many_settings(root: str) -> dict[str, Any]:
    """Runs in a child: Django's settings can be overridden there as one likes."""
    from django.conf import settings

    settings.configure(INSTALLED_APPS=["django.contrib.staticfiles"])
    from django.apps import apps
    from django.test import override_settings

    from duck_tx.gateway.files import file_mounts

    apps.populate(settings.INSTALLED_APPS)

    def mounts(use_finders: bool = False, **values: Any) -> list[list[Any]]:
        with override_settings(**values):
            return [
                [m.prefix.decode(), m.root, m.finder is not None, m.untrusted]
                for m in file_mounts(use_finders=use_finders)
            ]

    roots: dict[str, Any] = {"STATIC_ROOT": f"{root}/s", "MEDIA_ROOT": f"{root}/m"}
    both: dict[str, Any] = {"STATIC_URL": "static/", "MEDIA_URL": "media/", **roots}
    with override_settings(FORCE_SCRIPT_NAME="/app", STATIC_URL="static/", STATIC_ROOT=f"{root}/s"):
        file_mounts(use_finders=False)
        linked = settings.STATIC_URL
    with override_settings(STATICFILES_DIRS=[root], STATIC_URL="/s/"):
        find = file_mounts(use_finders=True)[0].finder
        assert find is not None
        found = [find(path) for path in ("here.css", "sub/there.css", "../etc/passwd", "nope.css", "a\0b")]
    return {
        "both": mounts(**both),
        "nothing": mounts(),
        "unset roots": mounts(STATIC_URL="/s/", STATIC_ROOT=None, MEDIA_URL="/m/", MEDIA_ROOT=""),
        "elsewhere": mounts(STATIC_URL="https://cdn.example/s/", MEDIA_URL="//cdn.example/m/", **roots),
        "relative root": mounts(STATIC_URL="/s/", STATIC_ROOT="collected"),
        "same url": mounts(**both | {"MEDIA_URL": "static/"}),
        "finders": mounts(True, **both),
        "finders without root": mounts(True, STATIC_URL="/s/"),
        "script name": mounts(**both | {"FORCE_SCRIPT_NAME": "/app"}),
        "linked": linked,
        "found": found,
    }


@cache
def _report() -> dict[str, Any]:
    """One child for all the tests below; ``root`` is in trial's own temporary directory."""
    root = mkdtemp(dir=os.getcwd())
    os.mkdir(f"{root}/sub")
    for name in ("here.css", "sub/there.css"):
        with open(f"{root}/{name}", "w") as file:
            file.write("body {}")
    return {"root": root, **in_child(mounts_of_many_settings, root)}


class FileMountTests(UnitTestCase):
    def setUp(self) -> None:
        self.root = _report()["root"]

    def mounts(self, case: str) -> list[list[Any]]:
        found: list[list[Any]] = _report()[case]
        return found

    def test_static_and_media_files_are_found_and_uploads_are_not_trusted(self) -> None:
        self.assertEqual(
            self.mounts("both"),
            [["/static/", f"{self.root}/s", False, False], ["/media/", f"{self.root}/m", False, True]],
        )

    def test_without_settings_nothing_is_served(self) -> None:
        self.assertEqual(self.mounts("nothing"), [])

    def test_an_empty_root_is_not_the_current_directory(self) -> None:
        self.assertEqual(self.mounts("unset roots"), [])

    def test_files_of_another_host_are_left_to_it(self) -> None:
        self.assertEqual(self.mounts("elsewhere"), [])

    def test_a_root_is_made_absolute(self) -> None:
        self.assertEqual(self.mounts("relative root"), [["/s/", os.path.abspath("collected"), False, False]])

    def test_static_files_win_where_both_have_one_url(self) -> None:
        self.assertEqual(self.mounts("same url"), [["/static/", f"{self.root}/s", False, False]])

    def test_finders_replace_the_static_root_and_not_media(self) -> None:
        self.assertEqual(
            self.mounts("finders"),
            [["/static/", None, True, False], ["/media/", f"{self.root}/m", False, True]],
        )
        self.assertEqual(self.mounts("finders without root"), [["/s/", None, True, False]])

    def test_a_forced_script_name_is_served_with_and_without_it(self) -> None:
        prefixes = [mount[0] for mount in self.mounts("script name")]
        self.assertEqual(prefixes, ["/app/static/", "/static/", "/app/media/", "/media/"])

    def test_looking_leaves_the_script_name_in_the_links_of_pages(self) -> None:
        self.assertEqual(_report()["linked"], "/app/static/")

    def test_a_finder_finds_files_below_its_directories_only(self) -> None:
        here, there = f"{self.root}/here.css", f"{self.root}/sub/there.css"
        self.assertEqual(_report()["found"], [here, there, None, None, None])
