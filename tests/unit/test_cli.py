"""``duckctl``: which command is meant, what it says, and with which status it ends."""

from __future__ import annotations

import io
import json
import os
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from duck_tx import __version__, cli
from duck_tx.cli.command import Command, CommandError, Parser, overview, pick
from duck_tx.errors import ApplicationError, SettingsError
from tests.case import UnitTestCase


def _command(name: str) -> Command:
    return Command(tuple(name.split()), f"Does {name}.", "", lambda parser: None, lambda arguments: 0)


class PickTests(UnitTestCase):
    commands = tuple(map(_command, ("status", "workers", "certificates new", "certificates reload")))

    def pick(self, *arguments: str) -> str:
        found = pick(self.commands, arguments)
        return found if isinstance(found, str) else found.name

    def test_a_command_is_its_words_and_what_follows_is_its_own(self) -> None:
        self.assertEqual(self.pick("status"), "status")
        self.assertEqual(self.pick("workers", "4", "--json"), "workers")
        self.assertEqual(self.pick("certificates", "new", "reload"), "certificates new")
        self.assertEqual(self.pick("certificates", "reload", "--json"), "certificates reload")

    def test_half_a_command_says_what_may_follow(self) -> None:
        expected = "certificates what? Say duckctl certificates new or duckctl certificates reload."
        self.assertEqual(self.pick("certificates"), expected)
        self.assertEqual(self.pick("certificates", "--json"), expected)

    def test_a_misspelt_command_is_guessed(self) -> None:
        for typed, hint in (
            (["statsu"], "there is no command 'statsu'. Did you mean duckctl status?"),
            (["certificate", "new"], "there is no command 'certificate'. Did you mean duckctl certificates new?"),
            (
                ["certificates", "relaod"],
                "there is no command 'certificates relaod'. Did you mean duckctl certificates reload?",
            ),
            (["worker", "3"], "there is no command 'worker'. Did you mean duckctl workers?"),
            (["fly"], "there is no command 'fly'. duckctl --help lists the commands."),
        ):
            self.assertEqual(self.pick(*typed), hint)

    def test_an_option_before_the_command_is_told_its_place(self) -> None:
        self.assertTrue(self.pick("--json", "status").startswith("--json comes before the command"))

    def test_the_overview_lists_all_and_fits_a_terminal(self) -> None:
        text = overview(self.commands)
        for command in self.commands:
            self.assertRegex(text, rf"(?m)^  {command.name} +{command.summary}$")
        self.assertLessEqual(max(map(len, text.splitlines())), 80)


class _MainCase(UnitTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        here = os.getcwd()
        self.addCleanup(os.chdir, here)
        os.chdir(self.directory)
        environ = {key: value for key, value in os.environ.items() if not key.startswith(("DUCK_", "DJANGO_"))}
        self.patch(os, "environ", {**environ, "COLUMNS": "80"})

    def run_main(self, *arguments: str) -> tuple[int, str, str]:
        """The exit status, and what was said on both streams."""
        out, err = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", out)
        self.patch(sys, "stderr", err)
        try:
            status = cli.main(arguments)
        except SystemExit as end:
            status = end.code  # type: ignore[assignment]
        return status, out.getvalue(), err.getvalue()

    def failing_with(self, error: BaseException) -> tuple[int, str, str]:
        def run(arguments: Namespace) -> int:
            raise error

        self.patch(cli, "COMMANDS", (Command(("fail",), "Fails.", "", lambda parser: None, run),))
        return self.run_main("fail")


class MainTests(_MainCase):
    def test_help_and_version_are_printed(self) -> None:
        for option in ("-h", "--help"):
            status, out, err = self.run_main(option)
            self.assertEqual((status, err), (0, ""))
            self.assertTrue(out.startswith("Usage: duckctl COMMAND [options]\n"))
            self.assertIn("  certificates new  ", out)
        self.assertEqual(self.run_main("--version"), (0, f"duck_tx {__version__}\n", ""))

    def test_without_a_command_the_help_is_an_error(self) -> None:
        status, out, err = self.run_main()
        self.assertEqual((status, out), (2, ""))
        self.assertTrue(err.startswith("Usage: duckctl COMMAND [options]\n"))

    def test_an_unknown_command_is_a_line_and_2(self) -> None:
        self.assertEqual(
            self.run_main("certificate"),
            (2, "", "duckctl: there is no command 'certificate'. Did you mean duckctl certificates new?\n"),
        )

    def test_an_unknown_option_is_a_line_and_2(self) -> None:
        for wrong in (["--nwe-ca"], ["--new"], ["--json=yes"]):
            status, out, err = self.run_main("certificates", "new", *wrong)
            self.assertEqual((status, out, len(err.splitlines())), (2, "", 1))
            self.assertTrue(err.startswith("duckctl: "), err)
            self.assertTrue(err.endswith(". See duckctl certificates new --help.\n"), err)

    def test_each_command_explains_itself(self) -> None:
        for command in cli.COMMANDS:
            status, out, err = self.run_main(*command.words, "--help")
            self.assertEqual((status, err), (0, ""))
            self.assertTrue(out.startswith(f"usage: duckctl {command.name} "), out)
            self.assertIn(command.summary, out)

    def test_what_cannot_be_done_is_a_line_for_each_problem_and_1(self) -> None:
        self.assertEqual(self.failing_with(ApplicationError("no luck.")), (1, "", "duckctl: no luck.\n"))
        self.assertEqual(self.failing_with(SettingsError(["one", "two"])), (1, "", "duckctl: one\nduckctl: two\n"))

    def test_a_program_is_told_in_json_what_could_not_be_done(self) -> None:
        def run(arguments: Namespace) -> int:
            raise CommandError("it is\nstill there.", 4)

        def declare(parser: ArgumentParser) -> None:
            parser.add_argument("--json", action="store_true")

        self.patch(cli, "COMMANDS", (Command(("fail",), "Fails.", "", declare, run),))
        status, out, err = self.run_main("fail", "--json")
        self.assertEqual((status, json.loads(out)), (4, {"error": "it is\nstill there."}))
        self.assertEqual(err, "duckctl: it is\nduckctl: still there.\n")
        self.assertEqual(self.run_main("fail")[1], "")

    def test_what_a_server_says_does_nothing_to_the_terminal(self) -> None:
        error = ApplicationError("\x1b[2Jclear\x07")
        self.assertEqual(self.failing_with(error), (1, "", "duckctl: \\x1b[2Jclear\\x07\n"))

    def test_trouble_with_files_is_a_line_and_1(self) -> None:
        error = OSError(28, "No space left on device", "/x/y")
        self.assertEqual(self.failing_with(error), (1, "", "duckctl: /x/y: No space left on device.\n"))
        self.assertEqual(self.failing_with(OSError("odd")), (1, "", "duckctl: odd.\n"))

    def test_a_reader_who_has_enough_is_no_reason_to_complain(self) -> None:
        self.assertEqual(self.failing_with(BrokenPipeError()), (1, "", ""))

    def test_the_status_of_a_command_is_that_of_the_process(self) -> None:
        def declare(parser: ArgumentParser) -> None:
            parser.add_argument("status", type=int)

        command = Command(("end",), "Ends.", "", declare, lambda arguments: arguments.status)
        self.patch(cli, "COMMANDS", (command,))
        self.assertEqual([self.run_main("end", str(status))[0] for status in (0, 3)], [0, 3])
        self.assertEqual(Parser(command).parse_args(["4"]).status, 4)


def _whole(command: Command) -> list[str]:
    """A command with what it cannot be without."""
    needed = [str(action.metavar) for action in Parser(command)._actions if action.required]
    return [*command.words, *needed]


class NobodyThereTests(_MainCase):
    commands = tuple(command for command in cli.COMMANDS if command.words != ("certificates", "new"))

    def test_without_a_server_every_command_that_asks_one_says_so_with_status_3(self) -> None:
        (self.directory / "file").touch()
        for place, hint in (("nowhere", ", which does not exist"), ("file", ", which is no directory"), (".", "")):
            said = f"no server uses the state directory {(self.directory / place)}{hint}.\n"
            for command in self.commands:
                status, out, err = self.run_main(*_whole(command), "--state-dir", str(self.directory / place))
                self.assertEqual(status, 3)
                expected = (f"not running: {said}", "") if command.name == "status" else ("", f"duckctl: {said}")
                self.assertEqual((out, err), expected, command.name)

    def test_a_project_that_is_not_there_is_a_line_and_1(self) -> None:
        for command in self.commands:
            status, out, err = self.run_main(*_whole(command), "--project", "nowhere")
            expected = f"duckctl: --project {self.directory}/nowhere does not exist.\n"
            self.assertEqual((status, out, err), (1, "", expected), command.name)


class CertificatesNewTests(_MainCase):
    def data(self, *arguments: str) -> Any:
        status, out, err = self.run_main("certificates", "new", "--json", *arguments)
        self.assertEqual((status, err), (0, ""))
        return json.loads(out)

    def names(self, *arguments: str) -> set[str]:
        return set(self.data(*arguments)["certificate"]["names"]) - {"localhost", "127.0.0.1", "::1"}

    def test_it_says_what_was_made_and_how_to_trust_it(self) -> None:
        status, out, err = self.run_main("certificates", "new", "my.test")
        self.assertEqual((status, err), (0, ""))
        folder = f"{self.directory}/.duck/development"
        lines = [line.strip() for line in out.splitlines()]
        self.assertEqual(lines[0], f"CA           {folder}/ca.pem")
        self.assertTrue(lines[1].startswith("made now (there was none), good until 2"), lines)
        self.assertEqual(lines[2], f"Certificate  {folder}/server.pem (with its key)")
        self.assertTrue(lines[3].startswith("made now (there was none), good until 2"), lines)
        self.assertEqual(lines[4], "for localhost, my.test, 127.0.0.1, ::1")
        self.assertIn(f"\n  {self.data()['trust_command']}\n", out)
        self.assertNotIn("told again", out)
        self.assertIn(f"curl --cacert {folder}/ca.pem https://localhost:8000/", out)

    def test_a_second_time_says_that_all_is_there(self) -> None:
        first = self.data()
        self.assertEqual((first["ca"]["made"], first["certificate"]["made"]), ("there was none", "there was none"))
        again = self.data()
        self.assertEqual((again["ca"]["made"], again["certificate"]["made"]), (None, None))
        for part in ("ca", "certificate"):
            self.assertEqual(again[part] | {"made": "there was none"}, first[part])
        out = self.run_main("certificates", "new")[1]
        self.assertEqual(out.count("there already, good until "), 2)

    def test_a_new_ca_in_place_of_another_is_pointed_out(self) -> None:
        self.run_main("certificates", "new")
        out = self.run_main("certificates", "new", "--new-ca")[1]
        self.assertIn("\nThis CA is a new one: browsers that trusted the one before have to be told again.\n\n", out)
        self.assertEqual(out.count("made now (it was asked for)"), 2)

    def test_force_makes_a_new_certificate_for_these_names_only(self) -> None:
        first = self.data("a.test")
        again = self.data("b.test", "--force")
        self.assertEqual((again["ca"]["made"], again["certificate"]["made"]), (None, "it was asked for"))
        self.assertEqual(again["ca"]["sha256"], first["ca"]["sha256"])
        self.assertNotEqual(again["certificate"]["sha256"], first["certificate"]["sha256"])
        self.assertEqual(self.names(), {"b.test"})

    def test_the_names_of_the_settings_are_among_them(self) -> None:
        Path("duck.toml").write_text('[server]\naddr = "192.0.2.7"\ndomain = "duck.example"\n')
        self.assertEqual(self.names("*.duck.example"), {"192.0.2.7", "duck.example", "*.duck.example"})

    def test_an_international_name_has_its_other_form(self) -> None:
        self.assertEqual(self.names("bücher.test"), {"xn--bcher-kva.test"})

    def test_a_name_that_is_none_is_a_line_and_2(self) -> None:
        self.assertEqual(
            self.run_main("certificates", "new", "http://a.test"),
            (
                2,
                "",
                "duckctl: argument NAME: 'http://a.test' is neither a host name nor an address. "
                "See duckctl certificates new --help.\n",
            ),
        )
        self.assertFalse(Path(".duck").exists())


class PlaceTests(_MainCase):
    def place(self, *arguments: str) -> str:
        status, out, err = self.run_main("certificates", "new", "--json", *arguments)
        self.assertEqual((status, err), (0, ""))
        file = Path(json.loads(out)["ca"]["file"])
        self.assertTrue(file.is_file())
        return str(file.relative_to(self.directory))

    def project(self, name: str) -> None:
        Path(name).mkdir()
        Path(name, "manage.py").write_text("import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'x')\n")

    def test_it_is_beside_the_project(self) -> None:
        self.assertEqual(self.place(), ".duck/development/ca.pem")
        self.project("site")
        self.assertEqual(self.place("--project", "site"), "site/.duck/development/ca.pem")
        os.chdir("site")
        self.assertEqual(self.place(), "site/.duck/development/ca.pem")

    def test_it_is_where_options_variables_and_the_file_say(self) -> None:
        Path("duck.toml").write_text('[server]\nstate_dir = "by-file"\n')
        self.assertEqual(self.place(), "by-file/development/ca.pem")
        Path("other.toml").write_text('[server]\nstate_dir = "by-other-file"\n')
        self.assertEqual(self.place("-c", "other.toml"), "by-other-file/development/ca.pem")
        os.environ["DUCK_SERVER__STATE_DIR"] = "by-variable"
        self.assertEqual(self.place(), "by-variable/development/ca.pem")
        self.assertEqual(self.place("--state-dir", "by-option"), "by-option/development/ca.pem")

    def test_without_an_application_it_is_in_the_current_directory(self) -> None:
        Path("duck.toml").write_text("[gateway]\nenabled = false\n")
        self.assertEqual(self.place(), ".duck/development/ca.pem")

    def test_what_is_not_there_or_wrong_is_a_line_each(self) -> None:
        for arguments, lines in (
            (["--project", "nowhere"], [f"duckctl: --project {self.directory}/nowhere does not exist."]),
            (["--state-dir", "/dev/null/x"], None),
            (["-c", "nowhere.toml"], None),
        ):
            status, out, err = self.run_main("certificates", "new", *arguments)
            self.assertEqual((status, out, len(err.splitlines())), (1, "", 1), arguments)
            self.assertEqual(err.splitlines(), lines or err.splitlines())
        Path("duck.toml").write_text('[server]\nport = "x"\nbacklog = 0\n')
        self.assertEqual([line.split()[1] for line in self.run_main("certificates", "new")[2].splitlines()], [
            "server.port", "server.backlog",
        ])  # fmt: skip

    def test_a_current_directory_that_is_gone_is_a_line(self) -> None:
        os.mkdir("gone")
        os.chdir("gone")
        os.rmdir(self.directory / "gone")
        status, out, err = self.run_main("certificates", "new")
        self.assertEqual((status, out, len(err.splitlines())), (1, "", 1))
