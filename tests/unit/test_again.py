"""The command lines of a restart, worked out from the one of the start."""

from __future__ import annotations

import getopt

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.errors import ApplicationError
from duck_tx.process.again import Again, CommandLine, again, command_line, runner_of, table_of, trial
from tests.case import UnitTestCase

_TWISTD = ("/venv/bin/python", "/venv/bin/twistd")
_TWIST = ("/venv/bin/python", "/venv/bin/twist")
_SHORT = ("-n", "-o", "-e", "-b")
_FLAGS = (*_SHORT, "--nodaemon", "--syslog", "--originalname", "--euid", "--no_save", "--savestats", "--debug")
_VALUED = (
    "-l",
    "-d",
    "-y",
    "-u",
    "-g",
    "--logfile",
    "--rundir",
    "--pidfile",
    "--umask",
    "--prefix",
    "--logger",
    "--chroot",
)


def _twistd(*arguments: str, directory: str = "/srv/site") -> CommandLine:
    return CommandLine(_TWISTD, arguments, "twistd", directory)


def _again(*arguments: str) -> list[str]:
    """What the runner and the program are given in the next life."""
    found = again(_twistd(*arguments), table_of("twistd"))
    assert found.command[:2] == _TWISTD
    return list(found.command[2:])


def _trial(*arguments: str) -> list[str]:
    found = trial(_twistd(*arguments), table_of("twistd"))
    assert found.command[:2] == _TWISTD
    return list(found.command[2:])


_PIDFILE = "--pidfile=/srv/site/twistd.pid"


class RunnerTests(UnitTestCase):
    def test_it_is_known_by_what_it_alone_imports(self) -> None:
        self.assertEqual(runner_of({"twisted.scripts._twistd_unix": 1, "os": 1}), "twistd")
        self.assertEqual(runner_of(["twisted.application.twist._twist"]), "twist")
        self.assertEqual(runner_of({"twisted.application.app", "duck_tx.app"}), "")

    def test_its_options_are_its_own(self) -> None:
        self.assertEqual(table_of("twistd").synonyms["y"], "python")
        self.assertIn("log-file=", table_of("twist").longOpt)


class CommandLineTests(UnitTestCase):
    def line(self, original: list[str], argv: list[str], runner: str = "twistd") -> CommandLine:
        return command_line(original, argv, executable="/venv/bin/python", runner=runner, directory="/srv")

    def test_the_arguments_of_a_runner_begin_where_those_of_python_end(self) -> None:
        line = self.line(["python", "-X", "dev", "/venv/bin/twistd", "-n", "duck"], ["/venv/bin/twistd", "-n", "duck"])
        self.assertEqual(line.interpreter, ("/venv/bin/python", "-X", "dev", "/venv/bin/twistd"))
        self.assertEqual((line.arguments, line.directory), (("-n", "duck"), "/srv"))

    def test_code_and_modules_are_programs_too(self) -> None:
        line = self.line(["python", "-c", "run()", "-n", "duck"], ["twistd", "-n", "duck"])
        self.assertEqual((line.interpreter[1:], line.arguments), (("-c", "run()"), ("-n", "duck")))
        line = self.line(["python", "-m", "twisted", "duck"], ["/twisted/__main__.py", "duck"], "twist")
        self.assertEqual((line.interpreter[1:], line.arguments), (("-m", "twisted"), ("duck",)))

    def test_arguments_that_look_like_those_of_python_are_told_apart_by_their_number(self) -> None:
        line = self.line(["python", "twistd", "-m", "-m"], ["twistd", "-m", "-m"])
        self.assertEqual((line.interpreter[1:], line.arguments), (("twistd",), ("-m", "-m")))

    def test_a_program_of_one_s_own_may_do_as_it_likes_with_its_arguments(self) -> None:
        line = self.line(["python", "-m", "duck_tx", "-p", "0"], ["changed"], "")
        self.assertEqual(line.interpreter, ("/venv/bin/python", "-m", "duck_tx", "-p", "0"))
        self.assertEqual(again(line), Again(line.interpreter, "/srv"))
        self.assertEqual(trial(line), Again(line.interpreter, "/srv"))

    def test_a_runner_that_was_given_other_arguments_is_refused(self) -> None:
        for argv in (["twistd", "duck"], ["twistd", *"abcdefg"]):
            with self.assertRaisesRegex(ApplicationError, "cannot be started again"):
                self.line(["python", "twistd", "-n", "duck", "-p", "1"], argv)

    def test_a_python_without_a_name_is_refused(self) -> None:
        for executable in ("", None):
            with self.assertRaisesRegex(ApplicationError, "does not know where its program is"):
                command_line(["python"], [], executable=executable, runner="", directory="/")


class TwistdTests(UnitTestCase):
    """The next life of ``twistd``."""

    def test_in_front_it_stays_there(self) -> None:
        self.assertEqual(_again("-n", "duck", "-p", "80"), ["--nodaemon", _PIDFILE, "duck", "-p", "80"])
        self.assertEqual(_again("--nodaemon", "duck"), _again("-n", "duck"))

    def test_a_daemon_does_not_fork_again_and_goes_on_in_its_log(self) -> None:
        self.assertEqual(_again("duck"), ["--nodaemon", _PIDFILE, "--logfile=/srv/site/twistd.log", "duck"])

    def test_a_log_is_named_from_the_root(self) -> None:
        for given_ in (
            ["-l", "my.log"],
            ["-lmy.log"],
            ["--logfile", "my.log"],
            ["--logfile=my.log"],
            ["--logf=my.log"],
        ):
            self.assertEqual(_again(*given_, "duck"), ["--nodaemon", _PIDFILE, "--logfile=/srv/site/my.log", "duck"])
        self.assertIn("--logfile=/var/log/duck", _again("-l", "/var/log/duck", "duck"))

    def test_the_last_of_several_counts(self) -> None:
        found = _again("-l", "a", "-l", "b", "--pidfile", "c", "--pidfile", "d", "duck")
        self.assertEqual(found, ["--nodaemon", "--pidfile=/srv/site/d", "--logfile=/srv/site/b", "duck"])

    def test_standard_output_stays_the_log(self) -> None:
        self.assertEqual(_again("-n", "-l", "-", "duck"), ["-l", "-", "--nodaemon", _PIDFILE, "duck"])

    def test_the_system_s_log_and_a_log_of_one_s_own_are_kept(self) -> None:
        self.assertEqual(
            _again("--syslog", "--prefix", "duck", "duck"),
            ["--syslog", "--prefix=duck", "--nodaemon", _PIDFILE, "duck"],
        )
        self.assertEqual(_again("--logger=my.log", "duck"), ["--logger=my.log", "--nodaemon", _PIDFILE, "duck"])

    def test_the_pidfile_is_named_from_the_root_or_left_out(self) -> None:
        self.assertIn("--pidfile=/srv/site/run/duck.pid", _again("--pidfile", "run/duck.pid", "duck"))
        self.assertIn("--pidfile=/run/duck.pid", _again("--pidfile=/run/duck.pid", "duck"))
        for none in (["--pidfile", ""], ["--pidfile="]):
            self.assertEqual(_again("-n", *none, "duck"), ["--nodaemon", "--pidfile=", "duck"])

    def test_there_is_a_way_for_a_pidfile_that_cannot_be_removed(self) -> None:
        found = again(_twistd("-n", "--pidfile=/run/duck.pid", "duck"), table_of("twistd"))
        self.assertEqual(found.pidfile, "/run/duck.pid")
        self.assertEqual(found.without_pidfile, (*_TWISTD, "--nodaemon", "--pidfile=", "duck"))

    def test_privileges_are_given_away_once(self) -> None:
        for gone in (["-u", "www", "-g", "www"], ["-uwww"], ["--uid=33", "--gid=33", "--euid"]):
            self.assertEqual(_again("-n", *gone, "duck"), ["--nodaemon", _PIDFILE, "duck"])

    def test_what_changes_the_directory_does_so_from_the_same_one(self) -> None:
        found = again(_twistd("-n", "-d", "run", "duck"), table_of("twistd"))
        self.assertEqual(found.command[2:], ("-d", "run", "--nodaemon", _PIDFILE, "duck"))
        self.assertEqual(found.directory, "/srv/site")

    def test_a_root_is_changed_once_and_the_way_back_is_closed(self) -> None:
        found = again(_twistd("-n", "--chroot", "/jail", "--rundir", "run", "duck"), table_of("twistd"))
        self.assertEqual((found.command[2:], found.directory), (("--nodaemon", _PIDFILE, "duck"), ""))

    def test_a_tac_is_read_again(self) -> None:
        for tac in (["-y", "site.tac"], ["-ysite.tac"], ["-noy", "site.tac"], ["--python=site.tac"]):
            found = _again("-n", *tac)
            self.assertIn("site.tac", " ".join(found))
            table = table_of("twistd")
            names = [name.lstrip("-") for name, _ in getopt.getopt(found, table.shortOpt, table.longOpt)[0]]
            self.assertEqual([table.synonyms[name] for name in names][-3:], ["python", "nodaemon", "pidfile"])

    def test_everything_else_is_kept(self) -> None:
        found = _again("--umask=027", "-r", "poll", "--originalname", "--profile", "p", "-n", "duck")
        self.assertEqual(
            found, ["--umask=027", "-r", "poll", "--originalname", "--profile=p", "--nodaemon", _PIDFILE, "duck"]
        )

    def test_the_debugger_keeps_it_in_front_by_itself(self) -> None:
        self.assertEqual(_again("-b", "duck"), ["-b", _PIDFILE, "duck"])

    def test_options_of_duck_are_its_own_business(self) -> None:
        own = ["duck", "-l", "x", "--uid", "--pidfile=y", "-n"]
        self.assertEqual(_again("-n", *own), ["--nodaemon", _PIDFILE, *own])

    def test_what_cannot_be_read_is_refused(self) -> None:
        with self.assertRaisesRegex(ApplicationError, "cannot be read: option --never not recognized"):
            _again("--never", "duck")

    @given(
        st.lists(
            st.one_of(
                st.sampled_from(_FLAGS).map(lambda flag: (flag,)),
                st.tuples(st.sampled_from(_VALUED), st.sampled_from(["", "a", "/b", "-", "--x"])),
            )
        )
    )
    def test_the_life_after_the_next_is_like_the_next(self, options: list[tuple[str, ...]]) -> None:
        table = table_of("twistd")
        line = _twistd(*(word for option in options for word in option), "duck", "-p", "0")
        first = again(line, table)
        second = again(_twistd(*first.command[2:]), table)
        self.assertEqual(sorted(second.command), sorted(first.command))
        self.assertEqual((second.pidfile, second.log), (first.pidfile, first.log))
        self.assertEqual(first.command[-3:], ("duck", "-p", "0"))
        names = {
            table.synonyms[name.lstrip("-")]
            for name, _ in getopt.getopt(first.command[2:], table.shortOpt, table.longOpt)[0]
        }
        self.assertTrue(names.isdisjoint({"uid", "gid", "euid", "chroot"}))
        self.assertTrue(names & {"nodaemon", "debug"})


class TrialTests(UnitTestCase):
    """The trial of ``twistd``."""

    def test_it_stays_in_front_and_writes_nothing(self) -> None:
        for given_ in (
            ["duck"],
            ["-n", "--pidfile", "x", "-l", "y", "duck"],
            ["--syslog", "--prefix=z", "--logger", "l", "duck"],
            ["-u", "www", "--gid=www", "--euid", "duck"],
            ["-p", "profile", "--savestats", "--profiler", "profile", "-b", "duck"],
        ):
            self.assertEqual(_trial(*given_), ["--nodaemon", "--pidfile=", "duck"])

    def test_what_is_loaded_and_where_is_kept(self) -> None:
        self.assertEqual(_trial("-y", "site.tac"), ["-y", "site.tac", "--nodaemon", "--pidfile="])
        self.assertEqual(_trial("-d", "run", "duck"), ["-d", "run", "--nodaemon", "--pidfile=", "duck"])
        self.assertEqual(_trial("--chroot=/jail", "-d", "run", "duck"), ["--nodaemon", "--pidfile=", "duck"])


class TwistTests(UnitTestCase):
    def line(self, *arguments: str) -> CommandLine:
        return CommandLine(_TWIST, arguments, "twist", "/srv/site")

    def test_the_next_life_is_as_the_first(self) -> None:
        arguments = ("--log-file=duck.log", "--log-format", "text", "duck", "-p", "0")
        self.assertEqual(again(self.line(*arguments), table_of("twist")), Again((*_TWIST, *arguments), "/srv/site"))

    def test_the_trial_leaves_the_log_alone(self) -> None:
        found = trial(self.line("--log-file=duck.log", "--log-format", "text", "duck"), table_of("twist"))
        self.assertEqual(found.command, (*_TWIST, "--log-format=text", "duck"))
