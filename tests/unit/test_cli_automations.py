"""``duckctl automations``: what is asked, what is shown, and with which status it ends."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from duck_tx import cli
from duck_tx.errors import ApplicationError
from tests.unit.control_case import ControlCase
from tests.unit.test_cli_automation_text import automation


class AutomationsTests(ControlCase):
    def setUp(self) -> None:
        super().setUp()
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.answers: dict[str, Any] = {}
        self.serve({verb: self.verb(verb) for verb in _VERBS})

    def verb(self, verb: str) -> Any:
        def answer(given: Mapping[str, Any]) -> Any:
            self.asked.append((verb, given))
            found = self.answers[verb]
            if isinstance(found, Exception):
                raise found
            return found

        return answer

    async def duckctl(self, *arguments: str) -> tuple[int, str, str]:
        """The exit status, and what was said on both streams."""
        out, err = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", out)
        self.patch(sys, "stderr", err)
        directory = ("--state-dir", str(self.directory))

        def main() -> int:
            try:
                return cli.main(["automations", *arguments, *directory])
            except SystemExit as end:
                assert isinstance(end.code, int)
                return end.code

        status = await deferToThread(main)
        return status, out.getvalue(), err.getvalue()

    async def run_of(self, state: str, status: int | None = None, output: str = "", error: str = "") -> Any:
        self.answers["automations.run"] = {
            "name": "a",
            "state": state,
            "error": error,
            "output": output,
            "status": status,
            "duration": 3.0,
        }
        return await self.duckctl("run", "a")

    async def test_they_are_listed(self) -> None:
        self.answers["automations"] = {"automations": [automation("shop.clear")], "leader": True, "note": ""}
        for words in ((), ("list",)):
            status, out, err = await self.duckctl(*words)
            self.assertEqual((status, err), (0, ""))
            self.assertTrue(out.splitlines()[1].startswith("shop.clear  every 5 min"), out)
        status, out, err = await self.duckctl("--json")
        self.assertEqual((status, json.loads(out), err), (0, self.answers["automations"], ""))

    async def test_any_other_word_is_a_line_and_2(self) -> None:
        status, out, err = await self.duckctl("lst")
        self.assertEqual((status, out, self.asked), (2, "", []))
        self.assertIn("'lst' is none of list, history, run, pause and resume", err)

    async def test_the_history_is_asked_for_with_its_length(self) -> None:
        self.answers["automations.history"] = {"name": "a", "runs": []}
        status, out, _ = await self.duckctl("history", "a")
        self.assertEqual((status, out), (0, "a has not been run.\n"))
        await self.duckctl("history", "a", "-n", "3", "--output")
        self.assertEqual(
            self.asked,
            [
                ("automations.history", {"name": "a", "limit": 20, "output": False}),
                ("automations.history", {"name": "a", "limit": 3, "output": True}),
            ],
        )
        _, out, _ = await self.duckctl("history", "a", "--json")
        self.assertEqual(json.loads(out), self.answers["automations.history"])

    async def test_a_length_that_is_none_is_a_line_and_2(self) -> None:
        for wrong in ("0", "x", "-1", "1.5", "10001", "9" * 10):
            status, _, err = await self.duckctl("history", "a", f"-n={wrong}")
            self.assertEqual((status, len(err.splitlines())), (2, 1))
        self.assertEqual(self.asked, [])

    async def test_a_run_shows_its_output_as_it_was(self) -> None:
        result = await self.run_of("done", output="\x1b[1mbold\x1b[0m\nno end")
        self.assertEqual(result, (0, "\x1b[1mbold\x1b[0m\nno end", ""))
        self.assertEqual(self.asked, [("automations.run", {"name": "a"})])

    async def test_the_exit_status_is_that_of_the_run(self) -> None:
        said = "duckctl: a: failed after 3.0 s: KeyError: 1\n"
        self.assertEqual(await self.run_of("failed", None, "text\n", "KeyError: 1"), (1, "text\n", said))
        self.assertEqual(await self.run_of("timeout"), (1, "", "duckctl: a: timeout after 3.0 s\n"))
        for state, own, status in (
            ("done", 0, 0),
            ("failed", 5, 5),
            ("failed", 0, 1),
            ("failed", -9, 137),
            ("cancelled", None, 1),
        ):
            self.assertEqual((await self.run_of(state, own))[0], status)

    async def test_a_run_in_json_has_the_same_status(self) -> None:
        await self.run_of("failed", 5, "text", "wrong")
        status, out, err = await self.duckctl("run", "a", "--json")
        self.assertEqual((status, json.loads(out), err), (5, self.answers["automations.run"], ""))

    async def test_a_run_that_takes_too_long_goes_on(self) -> None:
        self.answers["automations.run"] = Deferred()
        status, out, err = await self.duckctl("run", "a", "--timeout", "0.05")
        self.assertEqual((status, out), (1, ""))
        self.assertIn("a still runs after 0.05 s, and goes on. duckctl automations history a tells", err)

    async def test_it_is_paused_and_resumed(self) -> None:
        for verb, paused, at, said in (
            ("pause", True, None, "a is paused: its schedule rests until it is resumed.\n"),
            ("resume", False, 1.0, "a goes on: next run now.\n"),
            ("resume", False, None, "a goes on.\n"),
        ):
            self.answers[f"automations.{verb}"] = found = {"name": "a", "paused": paused, "next": at}
            self.assertEqual(await self.duckctl(verb, "a"), (0, said, ""))
            _, out, _ = await self.duckctl(verb, "a", "--json")
            self.assertEqual(json.loads(out), found)
            self.assertEqual(self.asked[-1], (f"automations.{verb}", {"name": "a"}))

    async def test_what_is_refused_is_a_line_and_1(self) -> None:
        for verb in ("history", "run", "pause", "resume"):
            self.answers[f"automations.{verb}"] = ApplicationError("there is no automation 'b': did you mean a?")
            said = "duckctl: there is no automation 'b': did you mean a?\n"
            self.assertEqual(await self.duckctl(verb, "b"), (1, "", said))

    async def test_without_a_server_it_is_3(self) -> None:
        self.directory /= "none"
        for words in ((), ("history", "a"), ("run", "a"), ("pause", "a"), ("resume", "a")):
            status, out, err = await self.duckctl(*words)
            self.assertEqual((status, out), (3, ""))
            self.assertIn("no server uses the state directory", err)


_VERBS = ("automations", "automations.history", "automations.run", "automations.pause", "automations.resume")
