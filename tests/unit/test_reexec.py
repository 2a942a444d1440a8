"""The end of a process that turns into another."""

from __future__ import annotations

import os
import signal

from tests.case import UnitTestCase
from tests.unit.test_exit import ends

_TURN = """
import os, signal, socket, sys
from duck_tx.process.again import Again
from duck_tx.process.exit import exit_through
from duck_tx.process.reexec import reexec
from duck_tx.process.threads import despite_threads
{before}
next_life = [sys.executable, '-c', {code!r}]
again = Again(tuple(next_life), {directory!r}, {pidfile!r}, tuple([*next_life, 'without']))
act = reexec(again, {{'LIFE': '2'}}, {descriptors}, holds={holds})
exit_through(act)
print('first', os.getpid(), flush=True)
{after}
"""

_STUCK = """
import threading, time
threading.Thread(target=time.sleep, args=(60,)).start()
despite_threads(act, 0.1)
"""


def _turns(
    code: str,
    *,
    before: str = "",
    after: str = "",
    directory: str = "",
    pidfile: str = "",
    descriptors: str = "[]",
    holds: bool = False,
) -> tuple[int, list[str]]:
    fields = {"before": before, "after": after, "directory": directory, "pidfile": pidfile, "descriptors": descriptors}
    status, said = ends(_TURN.format(code=code, holds=holds, **fields))
    return status, said.splitlines()


class TurnTests(UnitTestCase):
    def test_the_next_program_has_the_number_the_environment_and_the_directory(self) -> None:
        code = "import os; print('second', os.getpid(), os.environ['LIFE'], os.getcwd())"
        status, lines = _turns(code, directory="/")
        number = lines[0].split()[1]
        self.assertEqual((status, lines[1:]), (0, [f"second {number} 2 /"]))

    def test_it_comes_after_all_else_and_instead_of_a_status(self) -> None:
        before = "import atexit, duck_tx.process.exit as e; atexit.register(print, 'bye', flush=True); e.exit_with(3)"
        self.assertEqual(_turns("print('second')", before=before)[1][1:], ["bye", "second"])

    def test_only_what_is_named_stays_open(self) -> None:
        before = "a, b = [os.open('/dev/null', 0) for _ in range(2)]"
        code = "import os; print([os.path.exists(f'/proc/self/fd/{n}') for n in (3, 4)])"
        self.assertEqual(_turns(code, before=before, descriptors="[b]")[1][1:], ["[False, True]"])

    def test_a_pidfile_that_is_still_there_is_not_the_next_one_s(self) -> None:
        code = "import sys; print(sys.argv[1:])"
        pidfile = os.path.abspath(self.mktemp())
        self.assertEqual(_turns(code, pidfile=pidfile)[1][1:], ["[]"])
        self.assertFalse(os.path.exists(pidfile))
        self.assertEqual(_turns(code, pidfile="/dev/null")[1][1:], ["['without']"])

    def test_a_pidfile_that_could_not_be_written_is_not_either(self) -> None:
        code = "import sys; print(sys.argv[1:])"
        self.assertEqual(_turns(code, pidfile="/nowhere/x.pid")[1][1:], ["['without']"])
        pidfile = os.path.abspath(self.mktemp())
        before = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))"
        self.assertEqual(_turns(code, before=before, pidfile=pidfile)[1][1:], ["['without']"])
        self.assertFalse(os.path.exists(pidfile))

    def test_a_signal_that_comes_too_late_for_the_first_ends_it_before_the_next(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            status, lines = _turns(
                "print('second')", after=f"os.kill(os.getpid(), {int(number)}); print('on', flush=True)", holds=True
            )
            self.assertEqual((status, lines[1:]), (-number, ["on"]))

    def test_so_does_one_that_comes_while_threads_are_waited_for_that_never_end(self) -> None:
        after = f"{_STUCK}\nos.kill(os.getpid(), signal.SIGTERM)"
        status, lines = _turns("print('second')", after=after, holds=True)
        self.assertEqual((status, lines[1:]), (128 + signal.SIGTERM, []))

    def test_the_next_one_may_begin_with_signals_held_back(self) -> None:
        code = "import signal; print(*sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))))"
        held = f"{int(signal.SIGINT)} {int(signal.SIGTERM)}"
        self.assertEqual(_turns(code, holds=True)[1][1:], [held])
        self.assertEqual(_turns(code)[1][1:], [""])
        self.assertEqual(_turns(code, after=_STUCK, holds=True)[1][1:], [held])
        ignored = "signal.signal(signal.SIGINT, signal.SIG_IGN)"
        self.assertEqual(_turns(code, before=ignored, holds=True)[1][1:], [str(int(signal.SIGTERM))])

    def test_threads_that_never_end_are_not_waited_for(self) -> None:
        self.assertEqual(_turns("print('second')", after=_STUCK)[1][1:], ["second"])

    def test_what_was_ignored_is_ignored(self) -> None:
        before = "[signal.signal(n, signal.SIG_IGN) for n in (signal.SIGINT, signal.SIGHUP)]"
        code = (
            "import signal; print(*(int(signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM)))"
        )
        self.assertEqual(_turns(code, before=before)[1][1:], ["1 1 0"])

    def test_a_program_that_is_gone_is_told(self) -> None:
        code = (
            "from duck_tx.process.again import Again\nfrom duck_tx.process.exit import exit_through\n"
            "from duck_tx.process.reexec import reexec\nexit_through(reexec(Again(('/no/python',), ''), {}, []))\n"
        )
        self.assertEqual(ends(code), (1, "duck: /no/python cannot be started again: No such file or directory.\n"))
