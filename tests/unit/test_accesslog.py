"""The access log: lines reach their file or console whole, and writing them never hurts a request."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from twisted.internet.task import Clock
from twisted.logger import LogEvent, LogLevel, capturedLogs, formatEvent

from duck_tx.http.accessline import FIELD_LIMIT, json_line
from duck_tx.http.accesslog import AccessLog
from tests.case import UnitTestCase
from tests.unit.test_accessline import BEGAN, Answer, parse


def texts(events: Sequence[LogEvent]) -> list[str]:
    return [str(formatEvent(event)) for event in events]


class AccessLogCase(UnitTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.path = Path(self.mktemp())

    def make(self, out: TextIO | str | Path, format: str = "json", **options: Any) -> AccessLog:
        log = AccessLog(format, out, self.clock, seconds=self.clock.seconds, now=lambda: BEGAN, **options)
        self.addCleanup(log.close)
        return log

    def targets(self, path: Path | None = None) -> list[str]:
        return [json.loads(line)["target"] for line in (path or self.path).read_bytes().splitlines()]


class BufferTests(AccessLogCase):
    def test_lines_are_written_together_half_a_second_after_the_first(self) -> None:
        log = self.make(self.path)
        log.log(Answer(uri=b"/1"))
        self.clock.advance(0.3)
        log.log(Answer(uri=b"/2"))
        self.assertEqual(self.targets(), [])
        self.clock.advance(0.2)
        self.assertEqual(self.targets(), ["/1", "/2"])

    def test_nothing_is_scheduled_while_nothing_is_buffered(self) -> None:
        log = self.make(self.path)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        log.log(Answer())
        log.log(Answer())
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(0.5)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_many_lines_do_not_wait(self) -> None:
        log = self.make(self.path)
        line = len(json_line(Answer(), BEGAN, 0.0))
        for _ in range(100_000 // line):
            log.log(Answer())
        waiting = 100_000 // line * line - self.path.stat().st_size
        self.assertLess(waiting, 40_000)
        self.assertGreater(self.path.stat().st_size, 0)
        self.clock.advance(0.5)
        self.assertEqual(len(self.targets()), 100_000 // line)

    def test_flush_writes_at_once(self) -> None:
        log = self.make(self.path)
        log.log(Answer(uri=b"/1"))
        log.flush()
        self.assertEqual(self.targets(), ["/1"])

    def test_close_writes_what_is_buffered_and_leaves_nothing_scheduled(self) -> None:
        log = self.make(self.path)
        log.log(Answer(uri=b"/1"))
        log.close()
        log.close()
        log.log(Answer(uri=b"/2"))
        log.flush()
        log.reopen()
        self.assertEqual(self.targets(), ["/1"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_time_is_when_the_request_came_and_how_long_it_took(self) -> None:
        log = self.make(self.path)
        self.clock.advance(10.0)
        log.log(Answer(started=8.5))
        log.flush()
        read = json.loads(self.path.read_bytes())
        self.assertEqual((read["time"], read["duration_ms"]), ("2023-11-14T22:13:18.750Z", 1500.0))

    def test_a_clock_that_was_set_back_does_not_make_a_request_end_before_it_began(self) -> None:
        log = self.make(self.path)
        log.log(Answer(started=5.0))
        log.flush()
        self.assertEqual(json.loads(self.path.read_bytes())["duration_ms"], 0.0)

    def test_the_format_is_chosen_by_name(self) -> None:
        log = self.make(self.path, "combined")
        log.log(Answer())
        log.flush()
        self.assertEqual(parse(self.path.read_bytes())["request_id"], b"id-1")
        with self.assertRaisesRegex(ValueError, "combined or json, not as 'xml'"):
            self.make(self.path, "xml")


class FileTests(AccessLogCase):
    def test_a_new_file_is_for_its_owner_and_group(self) -> None:
        self.addCleanup(os.umask, os.umask(0))
        self.make(self.path)
        self.assertEqual(self.path.stat().st_mode & 0o777, 0o640)

    def test_an_old_file_is_appended_to(self) -> None:
        self.path.write_bytes(json_line(Answer(uri=b"/old"), BEGAN, 0.0))
        log = self.make(str(self.path))
        log.log(Answer(uri=b"/new"))
        log.flush()
        self.assertEqual(self.targets(), ["/old", "/new"])

    def test_a_file_that_cannot_be_opened_stops_the_start(self) -> None:
        with self.assertRaises(OSError) as caught:
            self.make(self.path / "access.log")
        self.assertIn(str(self.path), str(caught.exception))

    def test_after_a_rename_reopen_goes_on_in_a_new_file(self) -> None:
        log = self.make(self.path)
        renamed = self.path.with_suffix(".1")
        log.log(Answer(uri=b"/1"))
        self.path.rename(renamed)
        log.log(Answer(uri=b"/2"))
        log.reopen()
        log.log(Answer(uri=b"/3"))
        log.flush()
        self.assertEqual(self.targets(renamed), ["/1", "/2"])
        self.assertEqual(self.targets(), ["/3"])

    def test_reopening_leaves_no_descriptor_behind(self) -> None:
        log = self.make(self.path)
        before = len(os.listdir("/dev/fd"))
        for _ in range(5):
            log.reopen()
        self.assertEqual(len(os.listdir("/dev/fd")), before)

    def test_where_reopen_fails_the_old_file_stays_in_use_and_the_log_says_why(self) -> None:
        log = self.make(self.path)
        renamed = self.path.with_suffix(".1")
        self.path.rename(renamed)
        self.path.mkdir()
        with capturedLogs() as events:
            log.reopen()
        log.log(Answer(uri=b"/1"))
        log.flush()
        self.assertEqual(self.targets(renamed), ["/1"])
        self.assertEqual(len(events), 1)
        self.assertIs(events[0]["log_level"], LogLevel.error)
        self.assertIn(os.strerror(errno.EISDIR), texts(events)[0])


class Console(io.StringIO):
    """A stream without a descriptor, whose disk is full or whose reader is gone for a while."""

    error: Exception | None = None

    def write(self, text: str) -> int:
        if self.error is not None:
            raise self.error
        return super().write(text)


class ConsoleTests(AccessLogCase):
    def read(self, console: Console) -> list[str]:
        return [json.loads(line)["target"] for line in console.getvalue().splitlines()]

    def test_a_stream_gets_the_lines_and_stays_open(self) -> None:
        console = Console()
        log = self.make(console)
        log.log(Answer(uri=b"/1"))
        log.reopen()
        log.log(Answer(uri=b"/2"))
        log.close()
        self.assertEqual(self.read(console), ["/1", "/2"])

    def test_what_cannot_be_written_is_dropped_said_once_and_counted_at_the_end(self) -> None:
        console = Console()
        log = self.make(console)
        for error in (
            OSError(errno.ENOSPC, "No space left on device"),
            ValueError("I/O operation on closed file"),
        ):
            console.error = error
            with capturedLogs() as events:
                for _ in range(3):
                    log.log(Answer(uri=b"/lost"))
                    self.clock.advance(0.5)
            self.assertEqual(len(events), 1)
            self.assertIn(str(error), texts(events)[0])
            console.error = None
            with capturedLogs() as events:
                log.log(Answer(uri=b"/kept"))
                self.clock.advance(0.5)
            self.assertEqual(texts(events), ["the access log is written again; lines dropped meanwhile: 3"])
        self.assertEqual(self.read(console), ["/kept", "/kept"])

    def test_lines_lost_until_the_end_are_counted_by_close(self) -> None:
        console = Console()
        console.error = BrokenPipeError(errno.EPIPE, "Broken pipe")
        log = self.make(console)
        with capturedLogs() as events:
            log.log(Answer())
            log.log(Answer())
            log.close()
        self.assertEqual(texts(events)[1:], ["lines of the access log dropped: 2"])

    def test_a_closed_stream_is_not_written_to_by_its_old_number(self) -> None:
        with self.path.open("w") as stream:
            log = self.make(stream)
            number = stream.fileno()
        other = self.path.with_suffix(".other")
        descriptor = os.open(other, os.O_WRONLY | os.O_CREAT)
        self.addCleanup(os.close, descriptor)
        self.assertEqual(descriptor, number)
        with capturedLogs() as events:
            log.log(Answer())
            log.flush()
        self.assertIn("the stream is closed", texts(events)[0])
        self.assertEqual(other.read_bytes(), b"")


class PipeTests(AccessLogCase):
    def setUp(self) -> None:
        super().setUp()
        self.reader, writer = os.pipe()
        self.addCleanup(self.close_reader)
        os.set_blocking(self.reader, False)
        self.stream = os.fdopen(writer, "w")
        self.addCleanup(self.stream.close)

    def close_reader(self) -> None:
        if self.reader >= 0:
            os.close(self.reader)
            self.reader = -1

    def read(self) -> bytes:
        """What the pipe holds."""
        data = b""
        while True:
            try:
                piece = os.read(self.reader, 65_536)
            except BlockingIOError:
                return data
            if not piece:
                return data
            data += piece

    def test_a_reader_that_is_gone_hurts_nobody(self) -> None:
        log = self.make(self.stream)
        self.close_reader()
        with capturedLogs() as events:
            for _ in range(3):
                log.log(Answer())
                self.clock.advance(0.5)
        self.assertEqual(len(events), 1)
        self.assertIn(os.strerror(errno.EPIPE), texts(events)[0])

    def test_a_reader_that_stands_still_makes_nobody_wait_and_loses_little(self) -> None:
        log = self.make(self.stream)
        agent = [(b"User-Agent", b"x" * 1500)]
        data, count = b"", 3000
        with capturedLogs() as events:
            for number in range(count):
                log.log(Answer(uri=b"/%d" % number, raw_headers=agent))
            self.assertEqual(events, [])
            while self.clock.getDelayedCalls():
                self.clock.advance(0.5)
                data += self.read()
        lines = data.splitlines(keepends=True)
        targets = [json.loads(line)["target"] for line in lines]
        self.assertEqual(targets, [f"/{number}" for number in range(len(targets))])
        self.assertGreater(len(data), 1_000_000)
        self.assertLess(len(data), 1_200_000)
        self.assertEqual(
            texts(events),
            [f"the access log is written again; lines dropped meanwhile: {count - len(targets)}"],
        )

    def test_a_reader_that_is_slow_for_a_moment_loses_nothing(self) -> None:
        log = self.make(self.stream)
        data = b""
        for number in range(5000):
            log.log(Answer(uri=b"/%d" % number))
            if number % 1000 == 999:
                data += self.read()
        while self.clock.getDelayedCalls():
            self.clock.advance(0.5)
            data += self.read()
        targets = [json.loads(line)["target"] for line in data.splitlines()]
        self.assertEqual(targets, [f"/{number}" for number in range(5000)])

    def test_a_pipe_that_does_not_block_loses_nothing_either(self) -> None:
        os.set_blocking(self.stream.fileno(), False)
        self.test_a_reader_that_is_slow_for_a_moment_loses_nothing()

    def test_close_does_not_wait_for_a_reader_and_says_what_was_lost(self) -> None:
        log = self.make(self.stream)
        for _ in range(1000):
            log.log(Answer())
        with capturedLogs() as events:
            log.close()
        written = len(self.read().splitlines())
        self.assertEqual(texts(events), [f"lines of the access log dropped: {1000 - written}"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_line_longer_than_what_a_pipe_takes_at_once_arrives_whole(self) -> None:
        log = self.make(self.stream)
        long = Answer(uri=b"\xff" * 5000, raw_headers=[(b"Referer", b"\xff" * 5000)])
        log.log(long)
        log.log(long)
        log.flush()
        lines = self.read().splitlines()
        self.assertEqual([len(json.loads(line)["target"]) for line in lines], [FIELD_LIMIT + 3] * 2)


# A limit on the size of files cuts a write in the middle as a full disk does; it holds for the whole process.
_CUT = """
import os, resource, sys
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from duck_tx.http.accesslog import AccessLog
from tests.unit.test_accessline import Answer

path, size, then = sys.argv[1:]
log = AccessLog("json", path, Clock())
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), hard))
log.log(Answer(uri=b"/1"))
log.log(Answer(uri=b"/2"))
with capturedLogs() as events:
    log.flush()
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    if then == "reopen":
        os.rename(path, path + ".1")
        log.reopen()
    log.log(Answer(uri=b"/3"))
    log.close()
for event in events:
    print(formatEvent(event))
"""


class CutLineTests(AccessLogCase):
    def cut(self, then: str) -> list[str]:
        line = len(json_line(Answer(), BEGAN, 0.0))
        command = [sys.executable, "-c", _CUT, str(self.path), str(line + 100), then]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        return done.stdout.splitlines()

    def test_the_next_line_does_not_continue_one_that_was_cut(self) -> None:
        said = self.cut("go on")
        first, cut, third = self.path.read_bytes().splitlines()
        self.assertEqual([json.loads(line)["target"] for line in (first, third)], ["/1", "/3"])
        self.assertRaises(ValueError, json.loads, cut)
        self.assertIn(os.strerror(errno.EFBIG), said[0])
        self.assertEqual(said[1:], ["the access log is written again; lines dropped meanwhile: 1"])

    def test_a_new_file_does_not_begin_with_the_end_of_the_old_one(self) -> None:
        self.cut("reopen")
        self.assertEqual(self.targets(), ["/3"])
