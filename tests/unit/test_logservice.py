"""The access log, opened at the start and closed after the last response."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.task import Clock

from duck_tx.errors import ApplicationError
from duck_tx.http.logservice import AccessLogService
from duck_tx.http.site import Site
from duck_tx.settings import LogSettings
from tests.case import UnitTestCase
from tests.unit.wire_case import GET, Hello, WireCase


class AccessLogServiceTests(WireCase):
    def setUp(self) -> None:
        super().setUp()
        self.path = Path(self.mktemp())

    def service(self, **settings: object) -> AccessLogService:
        return AccessLogService(LogSettings(file=str(self.path), **settings), self.clock)  # type: ignore[arg-type]

    def ask(self, service: AccessLogService) -> None:
        self.connect(Site(Hello(), reactor=self.clock, log=service.log)).send(GET)

    def test_a_line_is_written_for_each_request_by_the_stop_at_the_latest(self) -> None:
        service = self.service()
        service.startService()
        self.ask(service)
        service.stopService()
        self.assertIn('"GET / HTTP/1.1" 200', self.path.read_text())

    def test_before_the_start_and_after_the_stop_nothing_is_written(self) -> None:
        service = self.service()
        self.ask(service)
        self.assertFalse(self.path.exists())
        service.startService()
        service.stopService()
        self.ask(service)
        service.reopen()
        self.assertEqual(self.path.read_text(), "")

    def test_it_goes_on_in_a_new_file(self) -> None:
        service = self.service(format="json")
        service.startService()
        self.ask(service)
        old = self.path.rename(self.path.with_suffix(".1"))
        service.reopen()
        self.ask(service)
        service.stopService()
        self.assertEqual([path.read_text().count('"status":200') for path in (old, self.path)], [1, 1])

    def test_a_stop_may_leave_it_open_for_the_next_start(self) -> None:
        service = self.service()
        service.startService()
        self.ask(service)
        service.closes = False
        service.stopService()
        self.assertEqual(self.path.read_text().count("\n"), 1)
        self.ask(service)
        service.startService()
        service.closes = True
        service.stopService()
        self.assertEqual(self.path.read_text().count("\n"), 2)

    def test_without_an_access_log_no_file_is_made(self) -> None:
        service = self.service(access=False)
        service.check()
        service.startService()
        self.ask(service)
        service.stopService()
        self.assertFalse(self.path.exists())


class CheckTests(UnitTestCase):
    def fault(self, path: Path | str) -> str:
        """What the check has to say of a file, and the start as well."""
        service = AccessLogService(LogSettings(file=str(path)), Clock())
        said = []
        for step in (service.check, service.startService):
            with self.assertRaises(ApplicationError) as caught:
                step()
            said.append(str(caught.exception))
            self.assertIn(f"the access log {path} cannot be opened: ", said[-1])
            self.assertTrue(said[-1].endswith(". Choose another in log.file."), said[-1])
        return said[0]

    def test_a_file_that_can_be_written_passes_and_is_not_made(self) -> None:
        path = Path(self.mktemp())
        service = AccessLogService(LogSettings(file=str(path)), Clock())
        service.check()
        self.assertFalse(path.exists())
        path.touch()
        service.check()

    def test_the_console_passes(self) -> None:
        AccessLogService(LogSettings(), Clock()).check()

    def test_a_missing_directory_is_named(self) -> None:
        self.assertIn("there is no directory /nowhere.", self.fault("/nowhere/access.log"))

    def test_a_directory_is_no_file(self) -> None:
        path = Path(self.mktemp())
        path.mkdir()
        self.assertIn("it is a directory", self.fault(path))

    def test_what_only_the_start_can_find_is_found_there(self) -> None:
        # Root may write anywhere by the rules, and yet not here.
        service = AccessLogService(LogSettings(file="/proc/access.log"), Clock())
        with self.assertRaisesRegex(ApplicationError, "^the access log /proc/access.log cannot be opened: "):
            service.startService()
