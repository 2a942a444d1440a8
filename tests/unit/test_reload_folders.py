"""Folders that are watched."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from unittest import mock

from duck_tx.reload import folders
from duck_tx.reload.folders import FolderWatch, outermost
from tests.case import AsyncTestCase, UnitTestCase
from tests.unit.logged import logged_lines
from tests.unit.spawning import until


class OutermostTests(UnitTestCase):
    def test_a_folder_in_another_is_watched_with_it(self) -> None:
        self.assertEqual(outermost(["/a/b", "/a", "/ab", "/a/b/c"]), ["/a", "/ab"])
        self.assertEqual(outermost(["/", "/a"]), ["/"])


class FolderWatchTests(AsyncTestCase):
    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.folder = Path(self.mktemp()).absolute()
        (self.folder / "deep").mkdir(parents=True)
        self.told: set[str] = set()

    def watch(self, *, polls: bool = False) -> FolderWatch:
        watch = FolderWatch(self.reactor, self.told.add, polls=polls)
        watch.start([str(self.folder), str(self.folder / "nowhere")])
        self.addCleanup(watch.stop)
        return watch

    async def changed(self, name: str) -> None:
        number = iter(range(1, 1_000_000))

        def happened() -> bool:
            (self.folder / name).write_text("x" * next(number))
            return str(self.folder / name) in self.told

        await until(happened)

    async def test_a_change_and_a_new_file_are_told(self) -> None:
        self.watch()
        await self.changed("a.html")
        await self.changed("deep/b.html")
        self.told.clear()
        os.rename(self.folder / "a.html", self.folder / "c.html")
        await until(lambda: {str(self.folder / name) for name in ("a.html", "c.html")} <= self.told)
        self.assertNotIn(str(self.folder / "deep"), self.told)

    async def test_folders_can_be_looked_at_instead(self) -> None:
        self.watch(polls=True)
        await self.changed("deep/b.html")

    async def test_folders_are_looked_at_where_the_system_has_no_room(self) -> None:
        class Full(folders.Observer):  # type: ignore[misc, valid-type]
            def schedule(self, *args: Any, **options: Any) -> Any:
                raise OSError(28, "No space left on device")

        with mock.patch.object(folders, "Observer", Full), logged_lines() as lines:
            self.watch()
        self.assertIn("No space left on device", lines[0])
        await self.changed("a.html")

    async def test_where_there_is_no_folder_there_is_nothing_to_stop(self) -> None:
        watch = FolderWatch(self.reactor, self.told.add)
        watch.start([str(self.folder / "nowhere")])
        await watch.stop()

    async def test_nothing_is_told_after_the_end(self) -> None:
        watch = self.watch()
        await watch.stop()
        watch._heard("a")
        self.assertEqual(self.told, set())
