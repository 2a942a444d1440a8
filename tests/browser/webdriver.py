"""A headless Chromium, led through chromedriver's plain HTTP interface (W3C WebDriver).

browser = browse(self)
browser.open(f"{server.uri}/login/")
browser.find("input[name=username]").type("admin")
browser.find("button").follow()
"""

from __future__ import annotations

import atexit
import base64
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.integration.https_server import HttpsServer
from tests.integration.server import wait_until

__all__ = ["Browser", "Element", "browse", "trusting"]

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The key that the standard gives a reference to an element."""

_ARGUMENTS = (
    "--headless=new",
    # Without it Chromium does not run as root, which a container often is.
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    # Scrolling that takes its time would leave the driver clicking beside its target.
    "--force-prefers-reduced-motion",
    "--window-size=1280,900",
)
_TIMEOUT = 30.0


@dataclass(frozen=True, slots=True)
class Element:
    """One element of the page that is open."""

    browser: Browser
    reference: str

    def _ask(self, method: str, path: str, **values: object) -> Any:
        return self.browser.ask(method, f"/element/{self.reference}/{path}", **values)

    def follow(self) -> None:
        """Click it, and wait for the page that comes of it: the driver itself may return before the old one is gone."""
        self.browser.run("window.isOld = true")
        self._ask("POST", "click")
        arrived = "return !window.isOld && document.readyState === 'complete'"
        wait_until(lambda: self.browser.run(arrived), _TIMEOUT, "the next page")

    def type(self, text: str) -> None:
        """Type into it; a file input takes the path of a file."""
        self._ask("POST", "value", text=text)

    @property
    def text(self) -> str:
        """The text as it is seen."""
        return str(self._ask("GET", "text"))

    def style(self, name: str) -> str:
        """The computed value of a CSS property."""
        return str(self._ask("GET", f"css/{name}"))


class Browser:
    """A browser with a profile of its own.  Its processes end with :meth:`close`.

    :param arguments: for its command line, beside those that every browser here gets.
    """

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self._profile = mkdtemp(prefix="duck-browser-")
        self._log = Path(self._profile, "driver.log")
        self._session = ""
        with self._log.open("wb") as log:
            self._driver = subprocess.Popen(
                ["chromedriver", "--port=0"], stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def _begin(self) -> None:
        started = re.compile(r"started successfully on port (\d+)")
        wait_until(lambda: started.search(self._log.read_text()), _TIMEOUT, "chromedriver is up")
        found = started.search(self._log.read_text())
        assert found is not None
        self._port = int(found[1])
        options = {"args": [*_ARGUMENTS, *self._arguments, f"--user-data-dir={self._profile}/profile"]}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self._session = self._send("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]

    def _send(self, method: str, path: str, values: object = None) -> Any:
        client = HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT)
        try:
            body = None if method in ("GET", "DELETE") else json.dumps(values or {})
            client.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            response = client.getresponse()
            answer = json.loads(response.read())["value"]
        finally:
            client.close()
        if response.status != 200:
            raise AssertionError(f"{method} {path}: {answer['error']}: {answer['message']}")
        return answer

    def ask(self, method: str, path: str, **values: object) -> Any:
        """One command of the session.

        :raises AssertionError: with the driver's words, if it fails.
        """
        return self._send(method, f"/session/{self._session}{path}", values)

    def open(self, url: str) -> None:
        """Open a page, and wait for all that it loads."""
        self.ask("POST", "/url", url=url)

    @property
    def tab(self) -> str:
        """The tab that is in front: what is asked is asked of this one."""
        return str(self.ask("GET", "/window"))

    def open_tab(self) -> str:
        """Open an empty tab, in front."""
        tab = str(self.ask("POST", "/window/new", type="tab")["handle"])
        self.use_tab(tab)
        return tab

    def use_tab(self, tab: str) -> None:
        """Put a tab in front."""
        self.ask("POST", "/window", handle=tab)

    def close_tabs_but(self, tab: str) -> None:
        """Close all others."""
        for other in self.ask("GET", "/window/handles"):
            if other != tab:
                self.use_tab(other)
                self.ask("DELETE", "/window")
        self.use_tab(tab)

    @property
    def url(self) -> str:
        return str(self.ask("GET", "/url"))

    @property
    def title(self) -> str:
        return str(self.ask("GET", "/title"))

    def find(self, selector: str) -> Element:
        """The first element for a CSS selector.

        :raises AssertionError: if there is none.
        """
        found = self.ask("POST", "/element", using="css selector", value=selector)
        return Element(self, found[_ELEMENT])

    def count(self, selector: str) -> int:
        """How many elements there are for a CSS selector."""
        return len(self.ask("POST", "/elements", using="css selector", value=selector))

    def run(self, script: str, *arguments: object) -> Any:
        """What a JavaScript function of this body returns."""
        return self.ask("POST", "/execute/sync", script=script, args=list(arguments))

    def loaded(self) -> dict[str, int]:
        """The status of everything that the page has loaded, by URL."""
        script = "return performance.getEntriesByType('resource').map(each => [each.name, each.responseStatus])"
        return dict(self.run(script))

    def complaints(self) -> list[str]:
        """What the console has said at the levels of warnings and errors since it was last asked."""
        entries = self.ask("POST", "/se/log", type="browser")
        return [entry["message"] for entry in entries if entry["level"] in ("WARNING", "SEVERE")]

    def close(self) -> None:
        """End the browser and its driver, and remove the profile."""
        if self._session:
            with suppress(OSError, AssertionError):
                self._send("DELETE", f"/session/{self._session}")
        # The driver leads a process group of its own; a browser that has not ended belongs to it.
        with suppress(ProcessLookupError):
            os.killpg(self._driver.pid, signal.SIGKILL)
        self._driver.wait()
        shutil.rmtree(self._profile, ignore_errors=True)


@cache
def _shared_browser(*arguments: str) -> Browser:
    browser = Browser(*arguments)
    atexit.register(browser.close)
    return browser


def browse(*arguments: str) -> Browser:
    """The browser of this test run that was started with these arguments, with nothing left of who used it before: no
    page, no cookie, no complaint."""
    browser = _shared_browser(*arguments)
    browser.open("about:blank")
    browser.ask("POST", "/goog/cdp/execute", cmd="Network.clearBrowserCookies", params={})
    browser.complaints()
    return browser


def trusting(server: HttpsServer) -> Browser:
    """A browser that takes certificates with the key of the one that ``server`` shows, and no others."""
    key = server.shown().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pin = base64.b64encode(hashlib.sha256(key).digest()).decode()
    return browse(f"--ignore-certificate-errors-spki-list={pin}")
