"""A chat of Django Channels in two tabs: pages through WSGI, WebSockets through ASGI."""

from __future__ import annotations

from tests.browser.webdriver import Browser, browse, trusting
from tests.case import UnitTestCase
from tests.integration.example import CHANNELS
from tests.integration.https_server import serve_https
from tests.integration.server import Server, serve, wait_until

_PATIENCE = 20.0


class ChatTests(UnitTestCase):
    def enter(self, server: Server, browser: Browser, room: str) -> None:
        """Open the page of a room, and wait until its WebSocket is open."""
        browser.open(f"{server.uri}/room/{room}")
        self.seen(browser, "#state", "open")

    def seen(self, browser: Browser, selector: str, *texts: str) -> None:
        """Wait until these are the texts of the elements, in the tab that is in front."""
        script = "return [...document.querySelectorAll(arguments[0])].map(each => each.textContent)"
        wait_until(lambda: browser.run(script, selector) == [*texts], _PATIENCE, f"{selector} says {texts}")

    def say(self, browser: Browser, text: str) -> None:
        """Send the form. Not by the keyboard: keys that are pressed right after a change of tabs may be lost."""
        script = "const form = document.forms[0]; form.message.value = arguments[0]; form.requestSubmit()"
        browser.run(script, text)

    def talk(self, server: Server, browser: Browser) -> None:
        """What is said in one tab is heard in both, and not in another room; they hear of the server's end."""
        first = browser.tab
        self.enter(server, browser, "pond")
        second = browser.open_tab()
        self.addCleanup(browser.close_tabs_but, first)
        self.enter(server, browser, "pond")
        self.say(browser, "Quack <b>& quack")
        self.seen(browser, "#said li", "Quack <b>& quack")
        browser.use_tab(first)
        self.seen(browser, "#said li", "Quack <b>& quack")
        self.say(browser, "Is anybody there? ☃")
        self.seen(browser, "#said li", "Quack <b>& quack", "Is anybody there? ☃")
        self.enter(server, browser, "lake")
        self.say(browser, "Only here")
        self.seen(browser, "#said li", "Only here")
        browser.use_tab(second)
        self.seen(browser, "#said li", "Quack <b>& quack", "Is anybody there? ☃")
        self.assertEqual([each for each in browser.complaints() if "/favicon.ico " not in each], [])
        server.stop()
        self.assertEqual(server.left_behind(), [])
        for tab in (second, first):
            browser.use_tab(tab)
            self.seen(browser, "#state", "closed 1001")

    def test_two_tabs_talk_over_http(self) -> None:
        server = serve(self, project=CHANNELS)
        self.talk(server, browse())
        self.assertEqual({line.split('"')[2].split()[0] for line in server.lines("/ws/chat/")}, {"101"})

    def test_two_tabs_talk_over_http2(self) -> None:
        server = serve_https(self, project=CHANNELS)
        self.talk(server, trusting(server))
        lines = server.lines("/ws/chat/")
        self.assertEqual(len(lines), 3)
        self.assertEqual([line for line in lines if ' HTTP/2" ' not in line], [])
