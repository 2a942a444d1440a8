"""The client without Twisted: its boxes are those of AMP, and what it says when a server is not as it should be."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.protocols import amp

from duck_tx.cli import ask
from duck_tx.cli.ask import Line, NoAnswer, NotRunning, WentAway, as_box, call, read_box
from duck_tx.errors import ApplicationError
from tests.case import UnitTestCase
from tests.unit.child import ROOT

_BOXES = st.dictionaries(st.binary(min_size=1, max_size=255), st.binary(max_size=300), min_size=1, max_size=8)


class BoxTests(UnitTestCase):
    def test_a_box_is_as_the_protocol_says(self) -> None:
        self.assertEqual(as_box({b"a": b"xy", b"bc": b""}), b"\0\1a\0\2xy\0\2bc\0\0\0\0")

    @given(_BOXES)
    def test_twisted_reads_what_is_written_here(self, values: dict[bytes, bytes]) -> None:
        self.assertEqual(amp.parseString(as_box(values)), [amp.AmpBox(values)])

    @given(st.lists(_BOXES, min_size=1, max_size=3))
    def test_what_twisted_writes_is_read_here(self, boxes: list[dict[bytes, bytes]]) -> None:
        stream = io.BytesIO(b"".join(amp.AmpBox(each).serialize() for each in boxes))
        self.assertEqual([read_box(stream) for _ in boxes], boxes)
        self.assertEqual(stream.read(), b"")

    @given(_BOXES, st.data())
    def test_a_box_that_is_cut_off_is_none(self, values: dict[bytes, bytes], data: st.DataObject) -> None:
        whole = as_box(values)
        end = data.draw(st.integers(0, len(whole) - 1))
        self.assertRaises(EOFError, read_box, io.BytesIO(whole[:end]))

    def test_what_is_no_part_of_a_box_is_refused(self) -> None:
        for wrong in ({b"": b"x"}, {b"x" * 256: b""}, {b"x": bytes(65536)}):
            self.assertRaises(ValueError, as_box, wrong)
        self.assertEqual(len(as_box({b"x" * 255: bytes(65535)})), 2 + 255 + 2 + 65535 + 2)

    def test_a_box_without_end_is_refused(self) -> None:
        self.patch(ask, "_LONGEST_BOX", 100)
        self.assertRaises(ValueError, read_box, io.BytesIO(as_box({b"%d" % n: b"x" * 10 for n in range(20)})))


class CallTests(UnitTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()

    def test_where_nobody_listens_no_server_runs(self) -> None:
        with self.assertRaises(NotRunning) as caught:
            call(self.directory)
        expected = f"no server uses the state directory {self.directory}"
        self.assertEqual(str(caught.exception), f"{expected}, which does not exist.")
        self.assertEqual(caught.exception.status, 3)
        self.directory.mkdir()
        with self.assertRaises(NotRunning) as caught:
            call(self.directory)
        self.assertEqual(str(caught.exception), f"{expected}.")
        file = self.directory / "file"
        file.touch()
        with self.assertRaises(NotRunning) as caught:
            call(file)
        self.assertEqual(str(caught.exception), f"no server uses the state directory {file}, which is no directory.")
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        os.chdir(self.directory)
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind("control.sock")
        self.assertRaises(NotRunning, call, self.directory)

    def test_a_server_that_takes_nobody_is_no_running_one_but_no_other_either(self) -> None:
        self.directory.mkdir()
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        os.chdir(self.directory)
        with socket.socket(socket.AF_UNIX) as full, socket.socket(socket.AF_UNIX) as first:
            full.bind("control.sock")
            full.listen(0)
            first.connect("control.sock")
            with self.assertRaisesRegex(ApplicationError, "takes no connections"):
                call(self.directory, 0.05)


class LineTests(UnitTestCase):
    def setUp(self) -> None:
        own, self.other = socket.socketpair()
        self.addCleanup(self.other.close)
        self.line = Line(own, 0.05)
        self.addCleanup(self.line.__exit__, None, None, None)

    def answer(self, box: dict[bytes, bytes]) -> None:
        self.other.sendall(as_box(box))

    def test_the_answer_is_what_its_json_says(self) -> None:
        self.answer({b"_answer": b"1", b"answer": b'{"a": ', b"answer.1": b"[4]}"})
        self.assertEqual(self.line.ask("verb", {"n": 1}), {"a": [4]})
        asked = amp.parseString(self.other.recv(1000))
        self.assertEqual(asked, [{b"_command": b"ask", b"_ask": b"1", b"verb": b"verb", b"arguments": b'{"n":1}'}])

    def test_a_refusal_is_its_lines(self) -> None:
        self.answer({b"_error": b"1", b"_error_code": b"REFUSED", b"_error_description": "so\nsö".encode()})
        with self.assertRaises(ApplicationError) as caught:
            self.line.ask("verb")
        self.assertEqual(str(caught.exception), "so\nsö")

    def test_a_server_that_says_nothing_is_given_up(self) -> None:
        with self.assertRaisesRegex(ApplicationError, rf"server \(pid {os.getpid()}\) has not answered within 0.05 s"):
            self.line.ask("verb")

    def test_an_answer_may_be_given_more_time_or_less(self) -> None:
        own, other = socket.socketpair()
        self.addCleanup(other.close)
        with Line(own, 60) as line, self.assertRaisesRegex(NoAnswer, r"has not answered within 0\.01 s"):
            line.ask("verb", patience=0.01)
        with self.assertRaisesRegex(NoAnswer, "has not answered within 0 s"):
            self.line.ask("verb", patience=0)

    def test_a_server_of_a_version_that_does_not_know_the_verb_is_told_as_one(self) -> None:
        said = b"duck-server does not know what 'verb' is; it knows status, stop."
        self.answer({b"_error": b"1", b"_error_code": b"REFUSED", b"_error_description": said})
        with self.assertRaises(ApplicationError) as caught:
            self.line.ask("verb")
        self.assertEqual(
            str(caught.exception),
            f"the server (pid {os.getpid()}) is of another version, which does not know 'verb'. "
            "Stop it and start it anew.",
        )

    def test_one_that_goes_is_told_from_one_that_refuses(self) -> None:
        self.other.sendall(b"\0\1")
        self.other.shutdown(socket.SHUT_WR)
        self.assertRaises(WentAway, self.line.ask, "verb")

    def test_what_is_no_answer_is_a_line(self) -> None:
        for wrong in ({b"x": b"y"}, {b"_error": b"1"}, {b"answer": b"{"}, {b"answer": b"\xff"}):
            self.answer(wrong)
            with self.assertRaisesRegex(ApplicationError, "cannot be read; is it of another version"):
                self.line.ask("verb")

    def test_the_end_of_the_process_is_waited_for(self) -> None:
        # Who is at the other end of this pair is this process, which goes on.
        self.assertFalse(self.line.wait_for_end(0.01))

    def test_where_no_process_can_be_watched_the_connection_tells(self) -> None:
        self.patch(ask, "_opened", lambda pid: None)
        own, other = socket.socketpair()
        with Line(own, 0.05) as line:
            self.assertFalse(line.wait_for_end(0.01))
            other.close()
            self.assertTrue(line.wait_for_end(5))

    def test_a_process_that_has_ended_is_seen(self) -> None:
        with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as child:
            watched = ask._opened(child.pid)
            assert watched is not None and child.stdin is not None
            self.line._process = watched
            self.assertFalse(self.line.wait_for_end(0))
            self.assertFalse(self.line.has_ended)
            child.stdin.close()
            self.assertTrue(self.line.wait_for_end(30))
            self.assertTrue(self.line.has_ended)

    def test_a_server_that_hangs_up_is_seen(self) -> None:
        self.assertFalse(self.line.wait_for_close(0.01))
        self.other.close()
        self.assertTrue(self.line.wait_for_close(5))

    def test_where_no_process_can_be_watched_its_end_is_not_guessed(self) -> None:
        self.patch(ask, "_opened", lambda pid: None)
        own, other = socket.socketpair()
        other.close()
        with Line(own, 0.05) as line:
            self.assertFalse(line.has_ended)


class LightnessTests(UnitTestCase):
    def test_twisted_is_not_loaded(self) -> None:
        code = "import sys, duck_tx.cli.ask, duck_tx.cli as c; print(c.main(['status', '--state-dir', '/nowhere']));"
        code += "print([name for name in ('twisted', 'django', 'msgspec', 'cryptography') if name in sys.modules])"
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        run = subprocess.run(
            [sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=60, check=True
        )
        self.assertEqual(run.stdout.splitlines()[-2:], ["3", "[]"])
