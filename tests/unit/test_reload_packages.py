"""How many watches the files of a project take, and what is told of them."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from watchdog.observers.api import BaseObserver

from duck_tx.reload.packages import PackageMonitor
from tests.case import UnitTestCase


class _Logger:
    def __init__(self) -> None:
        self.errors: list[str] = []

    def error(self, message: str) -> None:
        self.errors.append(message)


class PackageMonitorTests(UnitTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp()).absolute()
        for name in ("site/shop/__init__.py", "site/shop/cart/__init__.py"):
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            (self.root / name).touch()

    def path(self, name: str) -> str:
        return str(self.root / name)

    def test_a_package_takes_one_and_a_folder_one(self) -> None:
        taken: list[tuple[str, bool]] = []

        def schedule(_: Any, listener: object, path: str, *, recursive: bool) -> None:
            taken.append((path, recursive))

        self.patch(BaseObserver, "schedule", schedule)
        monitor = PackageMonitor(print, _Logger())
        for name in ("site/shop/cart/views.py", "site/shop/urls.py", "site/manage.py", "site/other.py"):
            monitor.add_path(self.path(name))
        self.assertEqual(taken, [(self.path("site/shop"), True), (self.path("site"), False)])

    def test_what_cannot_be_watched_is_said(self) -> None:
        logger = _Logger()
        monitor = PackageMonitor(print, logger)
        monitor.start()
        self.addCleanup(monitor.join)
        self.addCleanup(monitor.stop)
        monitor.add_path(self.path("nowhere/a.py"))
        self.assertEqual(len(logger.errors), 1)

    def test_a_file_that_comes_or_goes_by_another_name_is_told_and_the_other_is_not(self) -> None:
        told: set[str] = set()
        done = threading.Event()

        def tell(path: str) -> None:
            told.add(path)
            if path == self.path("site/shop/last.py"):
                done.set()

        monitor = PackageMonitor(tell, _Logger())
        monitor.start()
        self.addCleanup(monitor.join)
        self.addCleanup(monitor.stop)
        for name in ("site/shop/a.py", "site/shop/last.py"):
            monitor.add_path(self.path(name))
        for name in ("a.py", "template.html"):
            for _ in range(2):
                (self.root / "site/shop/new").touch()
                os.replace(self.root / "site/shop/new", self.root / "site/shop" / name)
        os.rename(self.root / "site/shop/a.py", self.root / "site/shop/gone")
        (self.root / "site/shop/last.py").touch()
        self.assertTrue(done.wait(30))
        self.assertEqual(told, {self.path("site/shop/a.py"), self.path("site/shop/last.py")})

    def test_files_can_be_added_while_others_change(self) -> None:
        told = threading.Event()
        monitor = PackageMonitor(lambda path: told.set(), _Logger())
        monitor.start()
        self.addCleanup(monitor.join)
        self.addCleanup(monitor.stop)
        monitor.add_path(self.path("site/shop/a.py"))
        for number in range(100):
            folder = self.root / f"folder{number}"
            folder.mkdir()
            (self.root / "site/shop/a.py").write_text(str(number))
            monitor.add_path(str(folder / "b.py"))
        self.assertTrue(told.wait(30))
