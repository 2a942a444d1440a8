"""Automations are found, and all that is wrong with them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from duck_tx import Automation, AutomationError, at, automation, every
from duck_tx.automations.discovery import check, discover
from tests.case import UnitTestCase
from tests.unit.child import in_child

_SHOP = """
from duck_tx import automation, command, every
from crm.jobs import shared

@automation(every(minutes=5))
def clean(): ...

tidy = automation(every(days=1))(command("clearsessions"))
again = tidy
named = automation(every(days=1), name="a name")(print)
"""

_CRM = """
from duck_tx import automation, every

@automation(every(minutes=5))
def shared(): ...
"""


def project(files: dict[str, str], apps: list[str], modules: list[str]) -> Any:
    """Runs in a child: names of the automations that a project with these files has, or what is wrong."""
    directory = mkdtemp(dir=os.getcwd())
    for name, text in files.items():
        file = Path(directory, name)
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        Path(file.parent, "__init__.py").touch()
    sys.path.insert(0, directory)
    import django
    from django.conf import settings

    settings.configure(INSTALLED_APPS=apps)
    django.setup()
    try:
        found = discover(modules)
        check(found, 0)
    except AutomationError as error:
        return list(error.problems)
    return [f"{each.name} {each.place}" for each in found]


def bare(text: str) -> Any:
    """Runs in a child: names of the automations in a module of this text, and whether Django has been imported."""
    directory = mkdtemp(dir=os.getcwd())
    Path(directory, "jobs.py").write_text(text)
    sys.path.insert(0, directory)
    return [each.name for each in discover(["jobs"])], "django" in sys.modules


class DiscoverTests(UnitTestCase):
    def found(self, files: dict[str, str], apps: list[str], modules: list[str]) -> Any:
        return in_child(project, files, apps, modules)

    def test_modules_of_apps_and_those_that_are_named_are_looked_through(self) -> None:
        files = {"shop/automations.py": _SHOP, "crm/jobs.py": _CRM, "plain/models.py": ""}
        apps = ["django.contrib.sessions", "plain", "shop"]
        self.assertEqual(
            self.found(files, apps, ["crm.jobs"]),
            [
                "shop.shared crm/jobs.py:4",
                "shop.clean shop/automations.py:5",
                "shop.tidy shop/automations.py:8",
                "a name shop/automations.py:10",
            ],
        )

    def test_all_that_is_wrong_is_told_at_once(self) -> None:
        files = {
            "one/automations.py": "from duck_tx import *\n\nx = automation(cron('61 * * * *'))(command('clear'))\n",
            "two/automations.py": "import one\n\nnothing\n",
            "three/automations.py": "def (\n",
            "four/automations.py": "import no.such\n",
            "five/automations.py": "from two.automations import x\n",
            "six/automations.py": "raise SystemExit\n",
        }
        apps = ["one", "two", "three", "four", "five", "six"]
        problems = self.found(files, apps, ["seven", "four.nothing"])
        self.assertEqual(
            [problem.partition(" (")[0] for problem in problems[:4]],
            [
                "two/automations.py:3: NameError: name 'nothing' is not defined.",
                "three/automations.py:1: invalid syntax.",
                "four/automations.py:1: ModuleNotFoundError: No module named 'no'.",
                "six/automations.py:1: SystemExit.",
            ],
        )
        self.assertIn("automations module seven: there is no module 'seven' in the project", problems[4])
        self.assertIn("automations module four.nothing: there is no module 'four.nothing'", problems[5])
        self.assertIn("one/automations.py:3: automation one.x: the project has no command 'clear'. Mend", problems[6])
        self.assertIn("one/automations.py:3: automation one.x: ", problems[7])
        self.assertEqual(len(problems), 8)

    def test_nothing_is_fine(self) -> None:
        self.assertEqual(self.found({}, [], []), [])


class CauseTests(UnitTestCase):
    def test_whoever_shows_files_finds_the_first_that_cannot_be_imported(self) -> None:
        error = self.assertRaises(AutomationError, discover, ["no_such_module"])
        self.assertIsInstance(error.__cause__, ModuleNotFoundError)


class ModuleTests(UnitTestCase):
    def test_without_django_the_named_modules_are_enough(self) -> None:
        self.assertEqual(in_child(bare, _CRM), [["jobs.shared"], False])


class CheckTests(UnitTestCase):
    def test_what_is_fine_passes(self) -> None:
        check([automation(every(hours=1), name=name)(print) for name in "ab"], 0)

    def test_a_time_that_has_passed_is_a_mistake_in_one_that_was_never_seen(self) -> None:
        once = automation(at("2026-01-01T00:00+00:00"), name="once")(print)
        error = self.assertRaises(AutomationError, check, [once], 2e9)
        self.assertIn("at 2026-01-01 00:00 UTC has passed", str(error))
        check([once], 2e9, {"once"})

    def test_names_that_are_taken_are_told_with_both_places(self) -> None:
        one, two = (Automation(print, name="same") for _ in range(2))
        error = self.assertRaises(AutomationError, check, [one, two, Automation(name="other")], 0)
        self.assertEqual(
            error.problems,
            (
                f"{error.problems[0].partition(': ')[0]}: automation other: it has nothing to run. "
                "Give it a callback, or override execute.",
                f"{one.place} and {two.place}: automations of the same name, same. Give them names of their own.",
            ),
        )
