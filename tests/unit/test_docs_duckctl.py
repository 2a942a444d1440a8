"""The page of ``duckctl`` has each command and each option, and shows nothing that there is not."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from duck_tx.cli import COMMANDS
from duck_tx.cli.command import Command, Parser, pick
from duck_tx.process.ring import LINES, SIZE
from tests.case import UnitTestCase

_DOCS = Path(__file__).resolve().parents[2] / "docs"
_PAGE = (_DOCS / "duckctl.md").read_text()
_EXPLAINED_ELSEWHERE = {"--help", "-h", "--force", "--new-ca"}


def _options(command: Command) -> set[str]:
    """The options of a command, the short names too."""
    return {name for action in Parser(command)._actions for name in action.option_strings}


def _needed(command: Command) -> list[str]:
    """What the command cannot be without."""
    return [str(action.metavar) for action in Parser(command)._actions if action.required]


class DuckctlPageTests(UnitTestCase):
    def test_every_command_has_a_section_of_its_own(self) -> None:
        sections = re.findall(r"(?m)^## `duckctl (.+)`$", _PAGE)
        self.assertEqual(sections, [command.name for command in COMMANDS])

    def test_every_option_is_named(self) -> None:
        named = set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", _PAGE))
        for command in COMMANDS:
            self.assertEqual(_options(command) - named - _EXPLAINED_ELSEWHERE, set(), command.name)

    def test_json_is_there_for_those_that_are_said_to_have_it(self) -> None:
        self.assertIn("(all but `logs`)", _PAGE)
        without = [command.name for command in COMMANDS if "--json" not in _options(command)]
        self.assertEqual(without, ["logs"])

    def test_every_command_shown_on_any_page_is_understood(self) -> None:
        shown = [
            line
            for page in _DOCS.glob("*.md")
            for line in re.findall(r"(?m)^\$ duckctl (.+)$|`duckctl ([^`]+)`", page.read_text())
        ]
        commands = ["".join(each) for each in shown]
        self.assertGreater(len(commands), 15)
        for text in commands:
            words = shlex.split(text)
            if words in (["COMMAND"], ["--help"], ["certificates"]):
                continue
            command = pick(COMMANDS, words)
            assert isinstance(command, Command), command
            # A heading has the command alone.
            arguments = words[len(command.words) :] or _needed(command)
            Parser(command).parse_args(arguments)

    def test_defaults_are_as_said(self) -> None:
        self.assertEqual((LINES, SIZE), (5000, 1024**2))
        self.assertIn("up to 5000 lines, or a mebibyte, in memory", _PAGE)
        for name, default in (("stop", 60), ("restart", 120)):
            [command] = [each for each in COMMANDS if each.name == name]
            self.assertEqual(Parser(command).parse_args([]).timeout, default)
            section = _PAGE.split(f"## `duckctl {name}`", 1)[1].split("\n## ", 1)[0]
            self.assertIn(f"`--timeout SECONDS` ({default})", " ".join(section.split()))
        [history] = [each for each in COMMANDS if each.name == "automations history"]
        self.assertEqual(Parser(history).parse_args(["a"]).runs, 20)
        self.assertIn("the last 20 runs", _PAGE)
        [logs] = [each for each in COMMANDS if each.name == "logs"]
        self.assertEqual(Parser(logs).parse_args([]).lines, 100)
        self.assertIn("the last 100 lines", _PAGE)
