"""Automations as they are written."""

from __future__ import annotations

import sys
from datetime import timedelta
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, succeed

import duck_tx
from duck_tx import Automation, AutomationTrigger, NoTrigger, automation, command, cron, every, program
from duck_tx.automations.place import shown
from tests.case import UnitTestCase

HERE = "tests/unit/test_automation.py"


def _plain() -> str:
    """Does little.

    And says more.
    """
    return "plain"


async def _coroutine() -> None: ...


def _deferred() -> Deferred[None]:
    return succeed(None)


class _Asynchronous:
    async def __call__(self) -> None: ...


def line() -> int:
    """Where this is called."""
    return sys._getframe(1).f_lineno


class DecoratorTests(UnitTestCase):
    def test_what_comes_out_is_an_automation_that_can_be_called(self) -> None:
        @automation(every(minutes=5))
        def add(one: int, two: int = 1) -> int:
            """Adds."""
            return one + two

        self.assertIsInstance(add, Automation)
        self.assertEqual(add(2, two=3), 5)
        self.assertEqual((add.name, add.description, add.__doc__), ("add", "Adds.", "Adds."))
        self.assertEqual([str(each) for each in add.when], ["every 5 min"])

    def test_several_add_up(self) -> None:
        @automation(every(minutes=5), overlap="queue")
        @automation(cron("1 * * * *"), every(hours=1), timeout=timedelta(minutes=1), name="clean")
        def clean() -> None: ...

        self.assertEqual([str(each) for each in clean.when], ["every 5 min", "1 * * * *", "every 1 h"])
        self.assertEqual((clean.overlap, clean.timeout, clean.name), ("queue", 60.0, "clean"))
        self.assertEqual(clean.problems(0), [])

    def test_contradictions_are_told(self) -> None:
        made = automation(every(hours=1), overlap="allow", name="two")(
            automation(every(days=1), overlap="queue", name="one")(_plain)
        )
        found = made.problems(0)
        self.assertEqual(len(found), 2)
        self.assertIn("overlap is both 'queue' and 'allow'", found[0])
        self.assertIn("name is both 'one' and 'two'", found[1])

    def test_a_class_becomes_one_of_its_objects(self) -> None:
        class Backup(Automation):
            """Saves it all."""

            def execute(self) -> str:
                return "saved"

        made = automation(every(hours=1), retries=2)(Backup)
        self.assertIsInstance(made, Backup)
        self.assertEqual(made(), "saved")
        self.assertEqual((made.name, made.retries, made.description), ("Backup", 2, "Saves it all."))
        self.assertEqual(made.problems(0), [])

    def test_a_command_and_a_program_are_jobs(self) -> None:
        clear = automation(every(days=1))(command("clearsessions --verbosity 0"))
        self.assertEqual((clear.kind, clear.description), ("command", "clearsessions --verbosity 0"))
        dump = automation(every(days=1))(program([sys.executable, "-c", "a b"]))
        self.assertEqual((dump.kind, dump.description), ("program", f"{sys.executable} -c 'a b'"))
        self.assertEqual(dump.problems(0), [])
        self.assertRaises(TypeError, dump)

    def test_without_parentheses_it_is_a_mistake_that_is_told(self) -> None:
        def bare() -> None: ...

        without: Any = automation
        [problem] = without(bare).problems(0)
        self.assertIn("automation bare: nothing says when it runs", problem)


class KindTests(UnitTestCase):
    def kind(self, job: Any, **said: Any) -> str:
        return Automation(job, **said).kind

    def test_the_job_says_where_it_runs(self) -> None:
        self.assertEqual(self.kind(_plain), "thread")
        self.assertEqual(self.kind(partial(_plain)), "thread")
        self.assertEqual(self.kind(_coroutine), "coroutine")
        self.assertEqual(self.kind(partial(_coroutine)), "coroutine")
        self.assertEqual(self.kind(_Asynchronous()), "coroutine")
        self.assertEqual(self.kind(_deferred), "reactor")

    def test_an_annotation_counts_however_it_is_written(self) -> None:
        deferreds: list[Any] = [
            Deferred,
            Deferred[None],
            "Deferred",
            "Deferred[None]",
            "defer.Deferred[int]",
            "'Deferred'",
        ]
        for returned in deferreds:

            def job() -> None: ...

            job.__annotations__["return"] = returned
            self.assertEqual(self.kind(job), "reactor", returned)
            self.assertEqual(self.kind(job, threaded=True), "thread")
        others: list[Any] = [None, "None", "DeferredList", "list[Deferred]", int]
        for returned in others:
            job.__annotations__["return"] = returned
            self.assertEqual(self.kind(job), "thread", returned)

    def test_it_may_be_said(self) -> None:
        self.assertEqual(self.kind(_plain, threaded=False), "reactor")
        self.assertEqual(self.kind(_coroutine, threaded=False, async_=True), "coroutine")

    def test_a_class_says_it_by_its_method(self) -> None:
        class Job(Automation):
            async def execute(self) -> None: ...

        self.assertEqual(Job(async_=True).kind, "coroutine")
        self.assertEqual(Job(async_=True).problems(0), [])
        self.assertTrue(Automation(_plain).threaded)
        self.assertFalse(Job().threaded)


class NameTests(UnitTestCase):
    def test_a_name_that_is_given_stays(self) -> None:
        for given, called, expected in (("given", "found", "given"), (None, "found", "found"), (None, "", "_plain")):
            made = Automation(_plain, name=given)
            made.call_it(called)
            self.assertEqual(made.name, expected)

    def test_a_description_is_the_first_line_of_the_docstring_or_given(self) -> None:
        self.assertEqual(Automation(_plain).description, "Does little.")
        self.assertEqual(Automation(_plain, description="x").description, "x")
        self.assertEqual(Automation(_coroutine).description, "")
        self.assertEqual(Automation().description, "")

    def test_its_place_is_where_it_was_written(self) -> None:
        class Derived(Automation):
            def __init__(self) -> None:
                super().__init__(_plain)

        for made, at in (
            (Automation(_plain), line()),
            (Derived(), line()),
            (automation(every(days=1))(_plain), line()),
            (automation(every(days=1))(Derived), line()),
        ):
            self.assertEqual(made.place, f"{HERE}:{at}")

    def test_a_file_that_is_nowhere_on_the_path_is_shown_as_it_is(self) -> None:
        self.assertEqual(shown("/nowhere/jobs.py"), "/nowhere/jobs.py")


class ProblemTests(UnitTestCase):
    def problems(self, *given: Any, **said: Any) -> list[str]:
        made = Automation(*given, **said)
        beginning = f"{made.place}: automation {made.name}: "
        found = made.problems(0)
        self.assertTrue(all(each.startswith(beginning) and each.endswith(".") for each in found), found)
        return [each.removeprefix(beginning) for each in found]

    def test_the_arguments_of_the_reference_are_honoured(self) -> None:
        made = Automation(_plain, "name", True, False, "immediate", 5, 60, "description")
        self.assertEqual((made.name, made.description, made.kind, made.times), ("name", "description", "thread", 5))
        self.assertEqual([str(each) for each in made.when], ["at start", "every 1 min"])
        self.assertEqual(made.problems(0), [])

    def test_all_are_told_at_once(self) -> None:
        found = self.problems(
            _plain, schedules=0, interval=-1, overlap="x", catch_up="y", retries=-1, when=cron("x"), jitter=-1
        )
        self.assertEqual(len(found), 7, found)

    def test_threads_and_coroutines(self) -> None:
        self.assertEqual(
            self.problems(_coroutine, threaded=True),
            ["a coroutine function does not run on a thread. Leave out threaded=True."],
        )
        self.assertEqual(
            self.problems(_coroutine, threaded=True, async_=True),
            ["async_ and threaded exclude each other. Leave out one of them."],
        )
        self.assertIn("would hold up", self.problems(command("check"), threaded=False)[0])

    def test_jobs_that_are_none(self) -> None:
        def generator() -> Any:
            yield

        async def several() -> Any:
            yield

        self.assertIn("nothing to run", self.problems()[0])
        self.assertRaises(NotImplementedError, Automation())
        self.assertIn("5 cannot be called", self.problems(5)[0])
        for job in (generator, several):
            self.assertIn("is a generator", self.problems(job)[0])
        self.assertIn("there is no program no-such-program", self.problems(program(["no-such-program"]))[0])
        self.assertIn("without a name", self.problems(command(""))[0])

    def test_names_and_descriptions_that_are_none(self) -> None:
        self.assertEqual(
            self.problems(_plain, name=" ", description=5), ["name=' ' is no name.", "description=5 is no text."]
        )
        self.assertEqual(self.problems(_plain, name=5), ["name=5 is no name."])

    def test_what_is_not_enabled_may_have_passed(self) -> None:
        past = duck_tx.at("1969-01-01T00:00+00:00")
        self.assertEqual(len(self.problems(_plain, when=past)), 1)
        self.assertEqual(self.problems(_plain, when=past, enabled=False), [])
        self.assertEqual(self.problems(_plain, when=past, catch_up="once"), [])


class TriggerTests(UnitTestCase):
    def test_a_class_stands_for_an_object_of_it(self) -> None:
        made = Automation(_plain, trigger=NoTrigger)
        self.assertIsInstance(made.trigger, NoTrigger)
        self.assertFalse(made.has_trigger)

    def test_names(self) -> None:
        self.assertEqual(repr(AutomationTrigger()), "<AutomationTrigger AutomationTrigger>")
        self.assertEqual(AutomationTrigger("dark", "At night.").description, "At night.")
        self.assertTrue(NoTrigger().check_trigger())

    def test_one_that_does_not_say_when_says_so(self) -> None:
        error = self.assertRaises(NotImplementedError, AutomationTrigger().check_trigger)
        self.assertIn("check_trigger", str(error))


class PublicTests(UnitTestCase):
    def test_all_that_is_public_is_there(self) -> None:
        for name in duck_tx.__all__:
            self.assertTrue(hasattr(duck_tx, name), name)
        self.assertEqual(sorted(duck_tx.__all__), sorted({*duck_tx._PLACES, "__version__"}))
