"""Files that are watched."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from duck_tx.reload.files import FileWatch, top_folder
from tests.case import AsyncTestCase, UnitTestCase
from tests.unit.logged import logged_lines
from tests.unit.spawning import until


class TopFolderTests(UnitTestCase):
    def test_a_package_is_watched_from_its_top(self) -> None:
        root = Path(self.mktemp()).absolute()
        for name in ("site/shop/cart/__init__.py", "site/shop/__init__.py"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch()
        self.assertEqual(top_folder(str(root / "site/shop/cart/views.py")), str(root / "site/shop"))
        self.assertEqual(top_folder(str(root / "site/manage.py")), str(root / "site"))


class FileWatchTests(AsyncTestCase):
    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.folder = Path(self.mktemp()).absolute()
        (self.folder / "package").mkdir(parents=True)
        (self.folder / "package/__init__.py").touch()
        self.told: set[str] = set()

    def watch(self, *names: str, polls: bool = False) -> FileWatch:
        watch = FileWatch(self.reactor, self.told.add, polls=polls)
        watch.add(self.path(name) for name in names)
        watch.start()
        self.addCleanup(watch.stop)
        return watch

    def path(self, name: str) -> str:
        return str(self.folder / name)

    async def changed(self, change: Callable[[], object], name: str) -> None:
        """Make a change, again and again, until it is told."""

        def happened() -> bool:
            change()
            return self.path(name) in self.told

        await until(happened)
        self.assertEqual(self.told, {self.path(name)})

    async def test_a_change_a_new_file_and_one_in_a_deeper_package_are_told(self) -> None:
        (self.folder / "package/deep").mkdir()
        for name in ("a.py", "new.py", "package/deep/b.py"):
            self.told.clear()
            watch = self.watch(name)
            await self.changed((self.folder / name).touch, name)
            (self.folder / "package/other.py").touch()
            await watch.stop()

    async def test_a_file_that_is_put_in_its_place_is_told(self) -> None:
        self.watch("a.py")

        def replace() -> None:
            (self.folder / ".a.tmp").touch()
            os.replace(self.folder / ".a.tmp", self.folder / "a.py")

        await self.changed(replace, "a.py")

    async def test_files_may_be_added_later_and_those_in_no_folder_are_left_out(self) -> None:
        watch = self.watch()
        watch.add([self.path("a.py"), self.path("nowhere/b.py")])
        watch.add([self.path("a.py")])
        await self.changed((self.folder / "a.py").touch, "a.py")

    async def test_files_can_be_looked_at_instead(self) -> None:
        self.watch("a.py", polls=True)
        times = iter(range(1, 1_000_000))
        (self.folder / "a.py").touch()
        await self.changed(lambda: os.utime(self.folder / "a.py", (0, next(times))), "a.py")

    async def test_files_are_looked_at_where_the_system_will_not_tell(self) -> None:
        watch = self.watch("a.py")
        (self.folder / "a.py").touch()
        with logged_lines() as lines:
            watch._complained("no space left")
            watch._complained("no space left")
        self.assertEqual(len(lines), 1)
        self.assertIn("no space left", lines[0])
        times = iter(range(1, 1_000_000))
        await self.changed(lambda: os.utime(self.folder / "a.py", (0, next(times))), "a.py")

    async def test_nothing_is_told_after_the_end(self) -> None:
        watch = self.watch("a.py")
        await watch.stop()
        await watch.stop()
        watch._heard(self.path("a.py"))
        self.assertEqual(self.told, set())
