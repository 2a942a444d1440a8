"""A signal at a hundred moments of a server's life, drawn at random: it ends as it should, and leaves nothing.

The draw is the same each time; what a server is at when its moment comes is the machine's to say.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import re
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.case import UnitTestCase
from tests.integration.clients import ONE_BY_ONE
from tests.integration.load import Load
from tests.integration.server import Server, wait_until

_SEED = 20_261
_AT_A_TIME = 3

Phase = Literal["start", "rise", "load", "drain", "trial", "farewell", "turn", "roll", "rolled"]
"""What a server is at: it has begun; has handlers of its own; serves; drains; tries new code, finishes with everybody
for it, becomes another life; replaces workers, has another worker."""

_LATEST: Mapping[Phase, float] = {
    "start": 0.8, "rise": 0.8, "load": 0.3, "drain": 0.5,
    "trial": 1.0, "farewell": 0.6, "turn": 1.0, "roll": 1.0, "rolled": 0.6,
}  # fmt: skip
"""The latest moment in seconds after the beginning of a phase.  It may be over by then."""

_ONE: Mapping[Phase, int] = {"start": 14, "rise": 12, "load": 6, "drain": 8, "trial": 8, "farewell": 4, "turn": 8}
_SEVERAL: Mapping[Phase, int] = {"start": 10, "rise": 12, "load": 4, "drain": 4, "roll": 6, "rolled": 4}
"""How many moments of each phase are tried; a hundred in all."""

_PRESSED_AGAIN = 3.0
"""Seconds after which somebody presses Ctrl-C once more: Python may come upon it where it can raise nothing."""

_LAST_WORDS = re.compile(r"(?s)finishing what is in flight.*Main loop terminated")
_SECOND_WORKER = re.compile(r"(?s)(worker 1 is ready.*){2}")


@dataclass(frozen=True, slots=True)
class _Moment:
    """When to send which signal to what server."""

    number: int
    phase: Phase
    signal: signal.Signals
    launch: str
    delay: float

    def __str__(self) -> str:
        return (
            f"seed {_SEED}, number {self.number}: {self.signal.name} to {self.launch}, {self.phase} {self.delay:.3f} s"
        )


def _drawn(counts: Mapping[Phase, int]) -> Iterator[_Moment]:
    """So many of each phase, half of them with either signal, and half of those with either launcher."""
    chance = random.Random(_SEED)
    numbers = itertools.count(1)
    for phase, count in counts.items():
        for index in range(count):
            kind = (signal.SIGTERM, signal.SIGINT)[index % 2]
            launch = ("twistd", "module")[index // 2 % 2]
            yield _Moment(next(numbers), phase, kind, launch, chance.random() * _LATEST[phase])


class RandomMomentTests(UnitTestCase):
    def test_of_one_process(self) -> None:
        self.check(_ONE)

    def test_of_several(self) -> None:
        self.check(_SEVERAL, "--processes", "--workers", "1")

    def check(self, counts: Mapping[Phase, int], *options: str) -> None:
        """Try all moments, some at a time."""
        moments = list(_drawn(counts))
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            wrong = list(filter(None, pool.map(lambda moment: _Life(moment, options).run(), moments)))
        self.assertEqual(wrong, [], "\n\n".join(wrong))


class _Life:
    """One server, until its moment has come and it has ended."""

    def __init__(self, moment: _Moment, options: tuple[str, ...]) -> None:
        self.moment = moment
        self.server = Server(
            "--wsgi", "tests.integration.gated:application", "--no-access-log", *options,
            launch=moment.launch, project=None,
        )  # fmt: skip

    def run(self) -> str:
        """What is wrong; nothing, if all is well."""
        try:
            self.server.begin()
            getattr(self, f"in_{self.moment.phase}")()
        except AssertionError as error:
            return f"{self.moment}: {error}\n{self.server.log}"
        finally:
            self.server.close()
        return ""

    # To the phase, and on to the moment.

    def in_start(self) -> None:
        self.end()

    def in_rise(self) -> None:
        wait_until(lambda: _has_handlers(self.server.pid), 30, "it takes signals")
        self.end()

    def in_load(self) -> None:
        self.server.start()
        with Load(self.server.port, ONE_BY_ONE) as load:
            self.wait()
            load.stop_begins()
            self.end(waits=False)
        assert not load.lost, load.lost

    def in_drain(self) -> None:
        """Of the second signal; the first says how it ends."""
        first = signal.SIGTERM if self.moment.number % 2 else signal.SIGINT
        with self.busy():
            self.send(first)
            self.wait()
            if self.server.running:
                self.send(self.moment.signal)
            self.look(self.server.exit(), first)

    def in_trial(self) -> None:
        self.restarts()

    in_roll = in_trial

    def in_farewell(self) -> None:
        self.restarts("finishing what is in flight")

    def in_turn(self) -> None:
        self.restarts(_LAST_WORDS)

    def in_rolled(self) -> None:
        self.restarts(_SECOND_WORKER)

    def restarts(self, until: str | re.Pattern[str] = "") -> None:
        """Restart, and let it come as far as its log says."""
        with self.busy():
            self.server.send_signal(signal.SIGHUP)
            self.server.wait_for(until)
            self.end()

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """It is ready, has something to do, and an idle connection."""
        self.server.start()
        with self.server.connect() as busy, self.server.connect():
            busy.sendall(b"GET /sleep?300 HTTP/1.1\r\nHost: test\r\n\r\n")
            yield

    def wait(self) -> None:
        # Not a wait for anything: the moment is what is tried.
        time.sleep(self.moment.delay)

    # The moment.

    def end(self, *, waits: bool = True) -> None:
        """Send the signal, and see that it ends the server."""
        if waits:
            self.wait()
        is_taken = _has_handlers(self.server.pid)
        self.send(self.moment.signal)
        status = self.exit(is_patient=is_taken or self.moment.signal is not signal.SIGINT)
        is_between = "stopping on" not in self.server.log and _LAST_WORDS.search(self.server.log) is not None
        if is_taken and not is_between:
            self.look(status, self.moment.signal)
            return
        # It has come before the program, or between two lives: what the system and Python do by themselves is right.
        # Python ends with 1 where it is interrupted before it is up, and the end of a life with the status of a shell.
        number = int(self.moment.signal)
        assert status in {-number, 128 + number} or (status, number) == (1, signal.SIGINT), status
        self.look_for_remains()

    def exit(self, *, is_patient: bool) -> int:
        """The exit status; who is not patient presses Ctrl-C again."""
        if not is_patient:
            with contextlib.suppress(AssertionError):
                return self.server.exit(_PRESSED_AGAIN)
            self.send(signal.SIGINT)
        return self.server.exit()

    def send(self, number: signal.Signals) -> None:
        if number is signal.SIGINT:
            # As a terminal does.
            os.killpg(self.server.pid, number)
        else:
            self.server.send_signal(number)

    # Afterwards.

    def look(self, status: int, number: signal.Signals) -> None:
        """See that it has ended by this signal, and well."""
        assert status == -number, status
        for word in ("Traceback", "Unhandled", "KeyboardInterrupt"):
            assert word not in self.server.log
        self.look_for_remains()

    def look_for_remains(self) -> None:
        if "stopping at once" in self.server.log:
            # It does not wait for those that it has killed, which the system may not have taken apart yet.
            wait_until(lambda: not self.server.processes, 5)
        # Another server, or a client, may have been given the port at once.
        wait_until(lambda: _can_be_bound(self.server.port), 20, "the port can be bound")
        left = self.server.left_behind()
        assert not left, left


def _has_handlers(pid: int) -> bool:
    """Whether a process takes SIGTERM itself."""
    try:
        found = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return False
    return found is not None and bool(int(found[1], 16) >> signal.SIGTERM - 1 & 1)


def _can_be_bound(port: int) -> bool:
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
