"""What a supervisor is told: the messages, and the service that sends them to a real socket."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from duck_tx.process.notify import (
    WATCHDOG,
    NotifyService,
    notify_address,
    ready,
    reloading,
    stopping,
    watchdog_interval,
)
from tests.case import UnitTestCase

_READY = b"READY=1\nMAINPID=%d\nSTATUS=up" % os.getpid()
_STOPPING = b"STOPPING=1\nSTATUS=finishing what is in flight"


class MessageTests(UnitTestCase):
    def test_ready_names_the_main_process(self) -> None:
        self.assertEqual(ready(4711, "serving"), b"READY=1\nMAINPID=4711\nSTATUS=serving")

    def test_reloading_has_the_time_of_the_monotonic_clock(self) -> None:
        self.assertEqual(reloading(1_500_000, "new"), b"RELOADING=1\nMONOTONIC_USEC=1500000\nSTATUS=new")

    def test_stopping_says_what_it_waits_for(self) -> None:
        self.assertEqual(stopping("draining"), b"STOPPING=1\nSTATUS=draining")

    @given(st.text())
    def test_no_status_can_make_a_line_of_its_own(self, status: str) -> None:
        message = stopping(status)
        self.assertEqual(message.count(b"\n"), 1)
        self.assertTrue(message.startswith(b"STOPPING=1\nSTATUS="))

    def test_a_status_that_is_no_text_is_sent_all_the_same(self) -> None:
        self.assertEqual(stopping("\udcff"), b"STOPPING=1\nSTATUS=?")


class AddressTests(UnitTestCase):
    def test_a_path_is_taken_as_it_is_and_an_at_sign_begins_an_abstract_name(self) -> None:
        self.assertEqual(notify_address({"NOTIFY_SOCKET": "/run/systemd/notify"}), "/run/systemd/notify")
        self.assertEqual(notify_address({"NOTIFY_SOCKET": "@duck"}), "\0duck")

    def test_there_is_none_without_the_variable_or_with_another_kind_of_socket(self) -> None:
        for environ in ({}, *({"NOTIFY_SOCKET": text} for text in ("", "/", "@", "notify", "vsock:2:1234"))):
            self.assertIsNone(notify_address(environ))


class WatchdogTests(UnitTestCase):
    def test_a_sign_is_due_twice_in_the_time_that_is_given(self) -> None:
        self.assertEqual(watchdog_interval({"WATCHDOG_USEC": "30000000"}, 7), 15.0)

    def test_it_is_for_the_process_that_is_named(self) -> None:
        environ = {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "7"}
        self.assertEqual(watchdog_interval(environ, 7), 0.5)
        self.assertIsNone(watchdog_interval(environ, 8))

    def test_nonsense_is_no_watchdog(self) -> None:
        for text in ("", "0", "-1", "1.5", "soon"):
            self.assertIsNone(watchdog_interval({"WATCHDOG_USEC": text}, 7))


class NotifyServiceTests(UnitTestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory(prefix="duck-")
        self.addCleanup(folder.cleanup)
        self.path = str(Path(folder.name, "notify"))
        self.supervisor = self.listening(self.path)
        self.clock = Clock()

    def listening(self, address: str) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(sock.close)
        sock.bind(address)
        sock.setblocking(False)
        return sock

    def service(self, **environ: str) -> NotifyService:
        service = NotifyService(self.clock, {"NOTIFY_SOCKET": self.path, **environ}, status=lambda: "up")
        self.addCleanup(service.stopService)
        return service

    def heard(self, supervisor: socket.socket | None = None) -> list[bytes]:
        """The messages that have come since."""
        messages = []
        while True:
            try:
                messages.append((supervisor or self.supervisor).recv(4096))
            except BlockingIOError:
                return messages

    def fill(self) -> None:
        """Have more unread messages wait than the system takes."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other, contextlib.suppress(BlockingIOError):
            other.setblocking(False)
            while True:
                other.sendto(b"unread", self.path)

    def test_the_start_says_ready_and_the_stop_says_stopping(self) -> None:
        service = self.service()
        self.assertEqual(self.heard(), [])
        service.startService()
        self.assertEqual(self.heard(), [_READY])
        service.stopService()
        self.assertEqual(self.heard(), [_STOPPING])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_an_abstract_socket_is_told_too(self) -> None:
        name = f"duck-test-{os.getpid()}"
        supervisor = self.listening(f"\0{name}")
        self.service(NOTIFY_SOCKET=f"@{name}").startService()
        self.assertEqual(self.heard(supervisor), [_READY])

    def test_signs_of_life_come_at_half_of_the_time_until_the_stop(self) -> None:
        service = self.service(WATCHDOG_USEC="20000000", WATCHDOG_PID=str(os.getpid()))
        service.startService()
        self.assertEqual(self.heard(), [_READY, WATCHDOG])
        self.clock.advance(9.9)
        self.assertEqual(self.heard(), [])
        self.clock.advance(0.1)
        self.clock.advance(10)
        self.assertEqual(self.heard(), [WATCHDOG, WATCHDOG])
        service.stopService()
        self.clock.advance(100)
        self.assertEqual(self.heard(), [_STOPPING])

    def test_there_are_none_if_another_process_is_watched(self) -> None:
        self.service(WATCHDOG_USEC="20000000", WATCHDOG_PID="1").startService()
        self.clock.advance(100)
        self.assertEqual(self.heard(), [_READY])

    def test_a_reload_begins_and_ends(self) -> None:
        service = self.service()
        service.startService()
        before = time.monotonic_ns() // 1000
        service.say_reloading()
        service.say_ready()
        _, begun, ended = self.heard()
        self.assertRegex(begun, rb"\ARELOADING=1\nMONOTONIC_USEC=\d+\nSTATUS=reloading\Z")
        self.assertTrue(before <= int(begun.split(b"\n")[1].partition(b"=")[2]) <= time.monotonic_ns() // 1000)
        self.assertEqual(ended, _READY)

    def test_a_stop_within_a_reload_is_none_and_signs_of_life_go_on(self) -> None:
        service = self.service(WATCHDOG_USEC="20000000")
        service.startService()
        service.say_reloading()
        service.stopService()
        self.clock.advance(10)
        self.assertEqual([each.partition(b"\n")[0] for each in self.heard()[2:]], [b"RELOADING=1", WATCHDOG])
        service.stop_instead()
        self.assertEqual(self.heard(), [_STOPPING])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_reload_may_turn_into_a_stop_before_that(self) -> None:
        service = self.service()
        service.startService()
        service.stop_instead()
        service.say_reloading()
        service.stop_instead()
        self.heard()
        service.stopService()
        self.assertEqual(self.heard(), [_STOPPING])

    def test_nothing_is_done_where_nobody_wants_to_know(self) -> None:
        service = self.service(NOTIFY_SOCKET="", WATCHDOG_USEC="20000000")
        service.startService()
        service.say_reloading()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        service.stopService()
        self.assertEqual(self.heard(), [])

    def test_a_supervisor_that_is_gone_is_no_error_and_may_come_back(self) -> None:
        service = self.service(WATCHDOG_USEC="20000000")
        os.unlink(self.path)
        service.startService()
        self.clock.advance(10)
        back = self.listening(self.path)
        self.clock.advance(10)
        self.assertEqual(self.heard(back), [WATCHDOG])
        back.close()
        service.stopService()

    def test_a_supervisor_with_too_much_unread_gets_everything_in_order_later(self) -> None:
        self.fill()
        service = self.service(WATCHDOG_USEC="20000000")
        service.startService()
        # A second sign of life adds nothing to one that waits.
        self.clock.pump([0.1] * 101)
        self.assertEqual(set(self.heard()), {b"unread"})
        self.clock.advance(0.1)
        self.assertEqual(self.heard(), [_READY, WATCHDOG])

    def test_a_stop_waits_for_nobody(self) -> None:
        service = self.service()
        self.fill()
        service.startService()
        service.stopService()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_stop_without_a_start_says_nothing(self) -> None:
        self.service().stopService()
        self.assertEqual(self.heard(), [])

    def test_it_can_be_started_again(self) -> None:
        service = self.service()
        for _ in range(2):
            service.startService()
            service.stopService()
        self.assertEqual(self.heard(), [_READY, _STOPPING] * 2)
