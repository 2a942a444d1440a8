"""The welcome project and the example project as a browser sees them."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

from tests.browser.webdriver import Browser, browse
from tests.case import UnitTestCase
from tests.integration.server import CHECKOUT, Server, serve

_SUPERUSER = """
import django; django.setup()
from django.contrib.auth.models import User
User.objects.create_superuser("admin", "admin@example.com", "admin")
"""


class _Case(UnitTestCase):
    def fine(self, browser: Browser) -> None:
        """All that the page wanted was there, and the console has nothing to say."""
        self.assertEqual({url: status for url, status in browser.loaded().items() if status != 200}, {})
        # A browser asks for this by itself; a site that has none says so.
        self.assertEqual([each for each in browser.complaints() if "/favicon.ico " not in each], [])


class WelcomeTests(_Case):
    def test_the_first_page_looks_as_it_should(self) -> None:
        server, browser = serve(self, project=None), browse()
        browser.open(server.uri)
        self.assertIn("duck_tx", browser.title)
        self.assertEqual(browser.find("h1").text, "It floats.")
        loaded = browser.loaded()
        self.assertTrue(any(url.endswith(".css") for url in loaded), loaded)
        self.assertTrue(any(url.endswith(".js") for url in loaded), loaded)
        # The style sheet is not only there but used: this is no link as browsers draw them.
        self.assertNotEqual(browser.find("a.button").style("background-color"), "rgba(0, 0, 0, 0)")
        self.assertEqual(
            browser.run("return document.images.length > 0 && [...document.images].every(i => i.naturalWidth)"), True
        )
        self.fine(browser)

    def test_the_guest_book_is_signed_and_remembers_who_signed(self) -> None:
        server, browser = serve(self, project=None), browse()
        browser.open(server.uri)
        browser.find("input[name=name]").type("Donald <b>")
        browser.find("[name=message]").type("Quack & quack")
        browser.find("form button").follow()
        self.assertIn("Thank you, Donald <b>.", browser.find("#guestbook .done").text)
        self.assertEqual(browser.find(".entry.mine p").text, "Quack & quack")
        self.assertEqual(browser.url, f"{server.uri}/#guestbook")
        browser.open(server.uri)
        self.assertEqual(browser.run("return document.querySelector('input[name=name]').value"), "Donald <b>")
        self.assertEqual(browser.count(".entry"), 1)
        self.fine(browser)

    def test_the_admin_lets_in_whom_it_knows(self) -> None:
        server, browser = serve(self, project=None), browse()
        subprocess.run([sys.executable, "-c", _SUPERUSER], env=self._environ(server), check=True, timeout=60)
        browser.open(f"{server.uri}/admin/")
        _log_in(browser)
        self.assertIn("Site administration", browser.title)
        browser.find("a[href='/admin/guestbook/entry/']").follow()
        self.assertIn("Select entry", browser.title)
        self.fine(browser)

    def _environ(self, server: Server) -> dict[str, str]:
        return {
            "PYTHONPATH": str(CHECKOUT),
            "DJANGO_SETTINGS_MODULE": "duck_tx.welcome.settings",
            "DUCK_WELCOME_DIR": str(server.state),
        }


class ExampleTests(_Case):
    def setUp(self) -> None:
        self.server, self.browser = serve(self), browse()

    def test_somebody_logs_in_and_adds_an_article_in_the_admin(self) -> None:
        browser = self.browser
        browser.open(f"{self.server.uri}/admin/pages/article/add/")
        _log_in(browser)
        browser.find("input[name=title]").type("From a browser")
        browser.find("input[name=author]").type("Chromium")
        browser.find("textarea[name=body]").type("It works.")
        browser.find("input[name=_save]").follow()
        self.assertIn("was added successfully", browser.find(".messagelist").text)
        self.assertEqual(browser.url, f"{self.server.uri}/admin/pages/article/")
        self.fine(browser)
        browser.open(f"{self.server.uri}/login-required")
        self.assertEqual(browser.find("body").text, "Hello, admin!")

    def test_a_form_is_sent_and_the_session_counts(self) -> None:
        browser = self.browser
        browser.open(f"{self.server.uri}/form")
        browser.find("input[name=text]").type("Written in Chromium")
        browser.find("form button").follow()
        self.assertEqual(browser.find("li").text, "Written in Chromium")
        self.assertEqual(browser.find("#visits").text, "Visits in this session: 2")
        self.assertEqual(browser.find("nav").style("display"), "flex")
        self.fine(browser)

    def test_a_file_is_uploaded(self) -> None:
        file = Path(self.mktemp()).absolute()
        file.write_bytes(bytes(range(256)) * 20_000)
        browser = self.browser
        browser.open(f"{self.server.uri}/page")
        browser.run(
            "document.body.innerHTML = '<form method=post action=/upload enctype=multipart/form-data>"
            "<input type=file name=file><button>Send</button></form>'"
        )
        browser.find("input").type(str(file))
        browser.find("button").follow()
        answer = json.loads(browser.find("body").text)
        self.assertEqual(answer["files"][0]["name"], file.name)
        self.assertEqual(answer["files"][0]["sha256"], hashlib.sha256(file.read_bytes()).hexdigest())
        self.fine(browser)

    def test_pages_and_their_styles_come_from_the_cache_the_second_time(self) -> None:
        browser = self.browser
        for _ in range(2):
            browser.open(f"{self.server.uri}/page")
            self.assertEqual(browser.count("ol li"), 20)
            self.assertEqual(browser.find("nav").style("display"), "flex")
        self.fine(browser)
        lines = self.server.lines("/static/pages/site.css")
        self.assertLessEqual(len([line for line in lines if '" 200 ' in line]), 1)


def _log_in(browser: Browser) -> None:
    browser.find("input[name=username]").type("admin")
    browser.find("input[name=password]").type("admin")
    browser.find("input[type=submit]").follow()
