"""A server whose state directory is filled, closed, removed or replaced under it: the site is served on, what is wrong
is said in one line, and a stop is as clean as any."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import subprocess
import sys

from tests.case import UnitTestCase
from tests.integration.example import EXAMPLE
from tests.integration.server import CHECKOUT, LAUNCHERS, Server, serve, wait_until

_NO_BYTECODE = {"PYTHONDONTWRITEBYTECODE": "1"}


def _deprived(what: str) -> list[str]:
    """The command of a server that lacks something; not ``twistd``, which would write a pid file."""
    return ["-m", "tests.integration.deprived", what, *LAUNCHERS["module"], "--project", str(EXAMPLE)]


class _Case(UnitTestCase):
    def duckctl(self, server: Server, *arguments: str, deprived: bool = False) -> tuple[int, str]:
        """Exit status, and all that was said."""
        command = ["-m", "duck_tx.cli", *arguments, "--state-dir", str(server.state)]
        if deprived:
            command = ["-m", "tests.integration.deprived", "rights", *command]
        run = subprocess.run(
            [sys.executable, *command],
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        return run.returncode, run.stdout

    def serves(self, server: Server) -> None:
        self.assertEqual(server.get("/hello").status, 200)
        self.assertTrue(server.running)

    def stops(self, server: Server, *told: str) -> None:
        """Stop it, and see that it ends as ever, having said of its state directory what is ``told``."""
        self.assertEqual(server.stop(), -signal.SIGTERM, server.log)
        lines = server.lines(str(server.state))
        self.assertEqual(len(lines), len(told), server.log)
        for line, text in zip(lines, told, strict=True):
            self.assertIn(text, line)
        self.assertNotIn("Traceback", server.log)

    def next_one(self, server: Server) -> Server:
        """Another server in the same state directory."""
        return serve(self, environ={"DUCK_SERVER__STATE_DIR": str(server.state)})

    def refuses_to_restart(self, server: Server, why: str) -> None:
        """Have it restart, and see that it serves on as it is, having said why."""
        began = server.log.count("ready: ")
        server.send_signal(signal.SIGHUP)
        server.wait_for(f"duck: the state directory {server.state} cannot be {why}")
        self.serves(server)
        self.assertEqual(server.log.count("ready: "), began)

    def restarts(self, server: Server) -> None:
        """Have it restart, and wait until it has."""
        began = server.log.count("ready: ")
        server.send_signal(signal.SIGHUP)
        wait_until(lambda: server.log.count("ready: ") > began, 30, "the server is ready again")
        self.serves(server)


class FullDiskTests(_Case):
    def test_a_server_starts_on_a_full_disk_and_can_be_asked(self) -> None:
        server = serve(self, launch=_deprived("room"), environ=_NO_BYTECODE)
        self.assertEqual([path.name for path in server.state.iterdir()], ["control.sock"])
        self.serves(server)
        status, said = self.duckctl(server, "status", "--json")
        self.assertEqual((status, json.loads(said)["pid"]), (0, server.pid))
        self.stops(
            server, f"the site is served without metadata: {server.state}/meta.json cannot be written: File too large."
        )
        self.assertEqual(server.left_behind(), [])

    def test_a_disk_that_fills_under_a_server_is_no_matter_to_it(self) -> None:
        server = serve(self, environ=_NO_BYTECODE)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (0, 0))
        self.serves(server)
        self.assertEqual(self.duckctl(server, "status")[0], 0)
        self.assertEqual(self.duckctl(server, "logs", "-n", "5")[0], 0)
        self.restarts(server)
        self.assertEqual(self.duckctl(server, "status")[0], 0)
        self.stops(server, "the site is served without metadata")
        self.assertEqual(server.left_behind(), [])


class PermissionTests(_Case):
    def test_a_directory_that_is_closed_is_said_at_the_stop_and_nobody_s_trouble_before(self) -> None:
        for mode in (0o500, 0):
            server = serve(self, launch=_deprived("rights"))
            server.state.chmod(mode)
            self.addCleanup(server.state.chmod, 0o700)
            self.serves(server)
            self.refuses_to_restart(server, "written by this user")
            self.stops(
                server,
                "cannot be written by this user",
                f"{server.state}/meta.json stays, as it cannot be removed: Permission denied. "
                "The next server in this state directory replaces it.",
            )
            server.state.chmod(0o700)
            self.assertEqual({path.name for path in server.state.iterdir()}, {"meta.json", "control.sock"})
            self.stops(self.next_one(server))
            self.assertEqual(server.left_behind(), [])

    def test_a_start_in_a_closed_directory_is_refused(self) -> None:
        server = Server(launch=_deprived("rights"))
        self.addCleanup(server.close)
        server.state.mkdir(0o500)
        self.assertEqual(server.begin().exit(30), 1)
        told = server.lines(f"duck: the state directory {server.state} cannot be written by this user. Choose another")
        self.assertEqual(len(told), 1, server.log)
        self.assertNotIn("Traceback", server.log)


class RemovalTests(_Case):
    def test_a_directory_that_is_removed_is_said_at_the_stop(self) -> None:
        server = serve(self)
        shutil.rmtree(server.state)
        self.serves(server)
        status, said = self.duckctl(server, "status")
        expected = f"not running: no server uses the state directory {server.state}, which does not exist.\n"
        self.assertEqual((status, said), (3, expected))
        gone = f"{server.state}/meta.json is gone: the state directory was changed while the server ran"
        self.stops(server, gone)
        self.assertFalse(server.state.exists())
        self.assertEqual(server.left_behind(), [])

    def test_a_restart_makes_it_again(self) -> None:
        server = serve(self)
        shutil.rmtree(server.state)
        self.restarts(server)
        self.assertEqual({path.name for path in server.state.iterdir()}, {"meta.json", "control.sock"})
        self.assertEqual(self.duckctl(server, "status")[0], 0)
        gone = f"{server.state}/meta.json is gone: the state directory was changed while the server ran"
        self.stops(server, gone)
        self.assertEqual(server.left_behind(), [])

    def test_a_roll_of_the_workers_makes_it_again(self) -> None:
        server = serve(self, "--workers", "1", "--processes")
        shutil.rmtree(server.state)
        server.send_signal(signal.SIGHUP)
        server.wait_for("the control socket was gone, and has been made again")
        wait_until(lambda: (server.state / "meta.json").exists(), 30, server.log)
        self.assertEqual(self.duckctl(server, "status")[0], 0)
        self.assertEqual(self.duckctl(server, "stop")[0], 0)
        self.assertEqual(server.exit(), 0)
        self.assertEqual(server.left_behind(), [])

    def test_a_file_in_its_place_is_left_alone(self) -> None:
        server = serve(self)
        shutil.rmtree(server.state)
        server.state.write_text("mine")
        self.serves(server)
        self.assertEqual(self.duckctl(server, "status")[0], 3)
        self.refuses_to_restart(server, f"made: {server.state} is not a directory")
        gone = f"{server.state}/meta.json is gone: the state directory was changed while the server ran"
        self.stops(server, "is not a directory", gone)
        self.assertEqual(server.state.read_text(), "mine")
        other = Server(environ={"DUCK_SERVER__STATE_DIR": str(server.state)})
        self.addCleanup(other.close)
        self.assertEqual(other.begin().exit(30), 1)
        refused = f"duck: the state directory {server.state} cannot be made: {server.state} is not a directory. Choose"
        self.assertEqual(len(other.lines(refused)), 1, other.log)


class DeadTests(_Case):
    def test_what_a_server_that_was_killed_left_is_replaced_and_goes_with_the_next(self) -> None:
        server = serve(self)
        server.process.kill()
        server.process.wait()
        self.assertEqual({path.name for path in server.state.iterdir()}, {"meta.json", "control.sock"})
        self.assertEqual(self.duckctl(server, "logs")[0], 3)
        other = self.next_one(server)
        self.assertEqual(json.loads((server.state / "meta.json").read_text())["pid"], other.pid)
        self.assertEqual(self.duckctl(server, "logs")[0], 0)
        self.stops(other)
        self.assertEqual(list(server.state.iterdir()), [])

    def test_a_living_one_is_named_to_those_who_want_its_place(self) -> None:
        server = serve(self)
        other = Server(environ={"DUCK_SERVER__STATE_DIR": str(server.state)})
        self.addCleanup(other.close)
        self.assertEqual(other.begin().exit(30), 1)
        told = f"duck: a server (pid {server.pid}) uses the state directory {server.state}; stop it, or choose another"
        self.assertEqual(len(other.lines(told)), 1, other.log)
        self.serves(server)
        self.assertEqual(json.loads((server.state / "meta.json").read_text())["pid"], server.pid)
        self.stops(server)
