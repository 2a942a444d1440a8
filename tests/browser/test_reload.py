"""Pages that refresh themselves, in a browser."""

from __future__ import annotations

from collections.abc import Callable

from tests.browser.webdriver import Browser, browse
from tests.case import UnitTestCase
from tests.integration.reload_case import serve_reloading
from tests.integration.server import wait_until

_PATIENCE = 30.0
_LOOKS = 50
"""At the page, before a file is written again."""

_VIEW = "pages/views.py"
_HEADING = '"heading": "First & best"'


class ReloadTests(UnitTestCase):
    def setUp(self) -> None:
        self.server, self.browser = serve_reloading(self), browse()
        self.addCleanup(self.browser.open, "about:blank")
        self.browser.open(f"{self.server.uri}/page")

    def seen(self, fact: Callable[[Browser], object], what: str) -> None:
        """Wait for a fact; the page may go while it is looked at."""

        def there() -> bool:
            try:
                return bool(fact(self.browser))
            except AssertionError:
                return False

        wait_until(there, _PATIENCE, f"{what}:\n{self.server.log}")

    def heading(self, text: str) -> None:
        self.seen(lambda browser: browser.find("h1").text == text, text)

    def test_a_page_loads_again_after_an_edit_and_an_error_is_seen_and_mended(self) -> None:
        self.heading("First & best")
        self.server.edit(_VIEW, _HEADING, '"heading": "Edited"')
        self.heading("Edited")
        self.server.edit(_VIEW, "def page(", "def page((")
        self.heading("SyntaxError in pages/views.py")
        self.assertIn("def page((", self.browser.find("pre .it").text)
        self.assertNotEqual(self.browser.find("header").style("border-top-width"), "0px")
        self.server.edit(_VIEW, "def page((", "def page(")
        self.heading("Edited")

    def test_styles_change_without_loading_the_page(self) -> None:
        self.heading("First & best")
        self.browser.run("window.isStillHere = true")
        style = self.server.project / "pages/static/pages/site.css"
        number = 0

        def changed(browser: Browser) -> bool:
            # The folders are watched soon after the server is ready, so the first edits may be too early.
            nonlocal number
            if number % _LOOKS == 0:
                style.write_text(f"h1 {{ color: rgb(1, 2, 3); order: {number}; }}")
            number += 1
            return browser.find("h1").style("color") == "rgba(1, 2, 3, 1)"

        self.seen(changed, "the colour of the heading")
        self.assertEqual(self.browser.run("return window.isStillHere"), True)
        self.assertEqual(self.server.lives, 1)

    def test_a_template_loads_the_page_again(self) -> None:
        template = self.server.project / "pages/templates/pages/list.html"
        number = 0

        def changed(browser: Browser) -> bool:
            nonlocal number
            if number % _LOOKS == 0:
                template.write_text("<!doctype html><title>x</title><h1>From the template</h1>")
            number += 1
            return browser.find("h1").text == "From the template"

        self.seen(changed, "the new template")
        self.assertEqual(self.server.lives, 1)
