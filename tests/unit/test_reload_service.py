"""What a server below a monitor makes of changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed

from duck_tx.reload import django, service
from duck_tx.reload.django import Watched
from duck_tx.reload.live import Live
from duck_tx.reload.service import ReloaderService, is_noise
from tests.case import AsyncTestCase, UnitTestCase
from tests.unit.logged import logged_lines
from tests.unit.spawning import until

_WATCHED = Watched(
    {"/site/templates": frozenset({"**/*"}), "/site/locale": frozenset({"**/*.mo"})},
    frozenset({"/site/data.json"}),
    ("/site/static",),
)


class NoiseTests(UnitTestCase):
    def test_what_editors_leave_is_noise(self) -> None:
        for path in ("/a/.x.swp", "/a/x~", "/a/4913", "/a/#x#", "/a/x.pyc", "/a/.x.tmp"):
            self.assertTrue(is_noise(path), path)
        self.assertFalse(is_noise("/a/x.html"))


class _Link:
    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []

    def say(self, **message: object) -> None:
        self.said.append(message)


class _Folders:
    def __init__(self, reactor: Any, changed: Callable[[str], object], *, polls: bool) -> None:
        self.changed = changed
        self.folders: list[str] | None = None

    def start(self, folders: Iterable[str]) -> None:
        self.folders = list(folders)

    def stop(self) -> Deferred[None]:
        self.folders = None
        return succeed(None)


class ReloaderServiceTests(AsyncTestCase):
    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.handled: list[str] = []
        self.patch(django, "watched", lambda: _WATCHED)
        self.patch(django, "handled", self.handle)
        self.patch(service, "FolderWatch", _Folders)
        self.link = _Link()
        self.live = Live(self.reactor, "life")
        self.service = ReloaderService(self.reactor, cast(Any, self.link), self.live, excluded=["/site/locale"])
        self.addCleanup(lambda: Deferred.fromCoroutine(self.service.stopService()))

    def handle(self, path: str) -> bool:
        self.handled.append(path)
        return path.endswith(".html")

    async def start(self) -> Any:
        self.service.startService()
        folders: Any = self.service._folders
        await until(lambda: folders.folders)
        return folders

    async def test_it_says_that_it_is_ready_and_what_it_is_made_of(self) -> None:
        folders = await self.start()
        self.assertEqual(folders.folders, ["/site/templates", "/site/static", "/site"])
        watch, ready = self.link.said
        self.assertIn(__file__, watch["watch"])
        self.assertEqual(ready, {"ready": True})

    async def test_the_files_of_an_error_are_told_too(self) -> None:
        self.service.error = SyntaxError("x", ("/site/broken.py", 1, 1, "x"))
        await self.start()
        await until(lambda: any("/site/broken.py" in each.get("watch", ()) for each in self.link.said))

    async def after(self, *paths: str) -> str:
        """The stamp after changes to files."""
        folders = await self.start()
        before = (self.live.stamp, len([each for each in self.link.said if "restart" in each]))
        for path in paths:
            folders.changed(path)
        await until(
            lambda: (self.live.stamp, len([each for each in self.link.said if "restart" in each])) != before, 10
        )
        return self.live.stamp

    async def test_what_django_sees_to_reloads_the_pages(self) -> None:
        self.assertEqual(await self.after("/site/templates/a.html", "/site/templates/.a.swp"), "life-1")
        self.assertEqual(self.handled, ["/site/templates/a.html"])

    async def test_what_django_does_not_see_to_is_a_new_life(self) -> None:
        self.assertEqual(await self.after("/site/data.json", "/site/other.json"), "life-0")
        self.assertIn({"restart": "/site/data.json changed"}, self.link.said)

    async def test_style_sheets_are_swapped_one_by_one(self) -> None:
        self.assertEqual(await self.after("/site/static/css/a.css", "/site/static/b.css"), "life-2")

    async def test_other_static_files_reload_the_pages_once(self) -> None:
        self.assertEqual(await self.after("/site/static/a.js", "/site/static/b.css"), "life-1")

    async def test_what_fails_is_logged_and_the_server_goes_on(self) -> None:
        def fail() -> Watched:
            raise ValueError("a project may do anything")

        self.patch(django, "watched", fail)
        with logged_lines() as lines:
            self.service.startService()
            await until(lambda: lines)
        self.assertEqual(lines, ["the reloader failed"])
        self.flushLoggedErrors(ValueError)

    async def test_the_monitor_is_asked_for_a_new_life_or_to_stay(self) -> None:
        self.service.restart()
        self.service.stay()
        self.assertEqual(self.link.said, [{"restart": "asked for"}, {"stays": True}])
