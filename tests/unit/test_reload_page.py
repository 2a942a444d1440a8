"""The page that shows why a project cannot be loaded."""

from __future__ import annotations

from duck_tx.http.site import Site
from duck_tx.reload.page import TroublePage, as_html, as_plain
from duck_tx.reload.trace import Frame, Line, Trouble
from tests.unit.wire_case import WireCase

_LINES = (Line(1, "<i>"), Line(2, "a < ]", True, 5))
_TROUBLES = [
    Trouble("SyntaxError", "no <b>", (Frame("a<b>.py", 2, "f<g>", True, _LINES), Frame("/lib/x.py", 7, "", False))),
    Trouble("KeyError", "'<k>'"),
]


class PageTests(WireCase):
    def test_all_of_it_is_escaped(self) -> None:
        page = as_html("head<line>", _TROUBLES, "<TAG>")
        for raw in ("<b>.py", "f<g>", "head<line>", "no <b>", "'<k>'"):
            self.assertNotIn(raw, page)
        self.assertIn("<title>SyntaxError in a&lt;b&gt;.py</title>", page)
        self.assertIn("<i>1</i>&lt;i&gt;", page)
        self.assertIn("a &lt; <mark>]</mark>", page)
        self.assertIn("<TAG>", page)
        self.assertIn("Before that", page)

    def test_the_project_s_code_is_open_and_other_code_closed(self) -> None:
        page = as_html("x", _TROUBLES, "")
        self.assertEqual((page.count("<details open>"), page.count("<details>")), (1, 1))

    def test_an_error_without_a_place_is_shown_too(self) -> None:
        self.assertIn("<title>Error</title>", as_html("x", [], ""))
        self.assertIn("<title>KeyError</title>", as_html("x", _TROUBLES[1:], ""))

    def test_a_terminal_is_told_in_plain_text(self) -> None:
        text = as_plain("head", _TROUBLES)
        self.assertIn("SyntaxError: no <b>\n  a<b>.py, line 2, in f<g>\n    a < ]\n  /lib/x.py, line 7\n", text)

    def test_every_path_and_method_is_answered_as_its_client_likes(self) -> None:
        site = Site(TroublePage("head", _TROUBLES, lambda: "<TAG>"), reactor=self.clock)
        connection = self.connect(site)
        connection.send(b"POST /any HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nAccept: text/html,*/*\r\n\r\n")
        answer = connection.take()
        self.assertTrue(answer.startswith(b"HTTP/1.1 500 "))
        self.assertIn(b"text/html", answer)
        self.assertIn(b"<TAG>", answer)
        connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = connection.take()
        self.assertIn(b"Content-Type: text/plain; charset=utf-8\r\n", answer)
        self.assertIn(b"Cache-Control: no-store\r\n", answer)
