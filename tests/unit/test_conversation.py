"""What a client of the control socket may say, what it is answered, and what becomes of one that does not behave."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint, connectProtocol
from twisted.internet.threads import deferToThread
from twisted.protocols import amp

from duck_tx.cli.ask import as_box
from duck_tx.errors import ApplicationError, SettingsError
from duck_tx.process import conversation
from duck_tx.process.conversation import Ask
from tests.unit.control_case import ControlCase
from tests.unit.logged import logged_lines


def _question(**changes: bytes) -> bytes:
    return as_box(
        {
            b"_command": b"ask",
            b"_ask": b"1",
            b"verb": b"echo",
            b"arguments": b"{}",
            **{key.encode(): value for key, value in changes.items()},
        }
    )


class AnswerTests(ControlCase):
    async def test_a_question_is_answered(self) -> None:
        self.serve()
        self.assertEqual(await self.ask("echo"), {})
        self.assertEqual(await self.ask("echo", {"n": 4, "names": ["ü", None]}), {"n": 4, "names": ["ü", None]})

    async def test_an_answer_may_be_longer_than_a_value_of_amp(self) -> None:
        for size in (65_000, 65_533, 65_534, 200_000, 3_000_000):
            service = self.serve({"long": lambda given, size=size: "x" * size})  # type: ignore[misc]
            self.assertEqual(len(await self.ask("long")), size)
            await service.stopService()

    async def test_one_that_is_too_long_is_refused(self) -> None:
        self.serve({"long": lambda given: "x" * (16 * 1024 * 1024)})
        with self.assertRaisesRegex(ApplicationError, "the answer is longer than"):
            await self.ask("long")

    async def test_what_takes_time_is_waited_for(self) -> None:
        async def later(given: Any) -> str:
            await self.pause(0.01)
            return "late"

        self.serve({"coroutine": later, "deferred": lambda given: Deferred.fromCoroutine(later(given))})
        self.assertEqual(await self.ask("coroutine"), "late")
        self.assertEqual(await self.ask("deferred"), "late")

    async def test_a_refusal_is_told_as_its_lines(self) -> None:
        def refuse(given: object) -> None:
            raise SettingsError(["no such küche", "no such x"])

        self.serve({"refuse": refuse})
        with self.assertRaises(ApplicationError) as caught:
            await self.ask("refuse")
        self.assertEqual(str(caught.exception), "no such küche\nno such x")

    async def test_a_refusal_without_end_is_cut(self) -> None:
        def refuse(given: object) -> None:
            raise ApplicationError("ü" * 100_000)

        self.serve({"refuse": refuse})
        with self.assertRaises(ApplicationError) as caught:
            await self.ask("refuse")
        self.assertEqual(str(caught.exception), "ü" * 8192)

    async def test_an_unknown_verb_is_told_what_there_is(self) -> None:
        self.serve({"status": dict, "stop": dict})
        box = amp.parseString(await self.exchange(_question(verb=b"fly")))[0]
        expected = b"duck-server does not know what 'fly' is; it knows status, stop."
        self.assertEqual((box[b"_error_code"], box[b"_error_description"]), (b"REFUSED", expected))

    async def test_a_verb_of_a_later_version_is_told_as_such(self) -> None:
        self.serve({"status": dict})
        with self.assertRaises(ApplicationError) as caught:
            await self.ask("fly")
        self.assertEqual(
            str(caught.exception),
            f"the server (pid {os.getpid()}) is of another version, which does not know 'fly'. "
            "Stop it and start it anew.",
        )

    async def test_arguments_that_are_none_are_refused(self) -> None:
        self.serve()
        box = amp.parseString(await self.exchange(_question(arguments=b"[]")))[0]
        self.assertEqual((box[b"_error"], box[b"_error_code"]), (b"1", b"REFUSED"))
        self.assertEqual(box[b"_error_description"], b"the arguments are no JSON object.")

    async def test_what_fails_is_a_traceback_for_the_log_and_a_line_for_the_client(self) -> None:
        async def fail(given: object) -> float:
            return 1 / 0

        self.serve({"fail": fail, "odd": lambda given: {(): 1}})
        for verb, error in (("fail", ZeroDivisionError), ("odd", TypeError)):
            with self.assertRaisesRegex(ApplicationError, f"^{verb} failed in the server, whose log says more.$"):
                await self.ask(verb)
            self.assertEqual(len(self.flushLoggedErrors(error)), 1)

    async def test_a_conversation_may_be_long_and_nothing_of_it_is_logged(self) -> None:
        self.serve({"long": lambda given: [given, "x" * 100_000]})
        with logged_lines() as lines:
            client = await connectProtocol(UNIXClientEndpoint(self.reactor, str(self.path)), amp.AMP())
            for number in range(20):
                text = json.dumps({"n": number}).encode()
                found = await client.callRemote(Ask, verb=b"long", arguments=text)
                self.assertEqual(json.loads(found["answer"]), [{"n": number}, "x" * 100_000])
            client.transport.loseConnection()
        self.assertEqual([line for line in lines if line.startswith("control: ") or "Conversation" in line], [])

    async def test_twisted_s_own_client_is_told_of_a_refusal_too(self) -> None:
        self.serve()
        client = await connectProtocol(UNIXClientEndpoint(self.reactor, str(self.path)), amp.AMP())
        with self.assertRaisesRegex(ApplicationError, "does not know what 'x' is"):
            await client.callRemote(Ask, verb=b"x", arguments=b"{}")
        client.transport.loseConnection()


class StrangerTests(ControlCase):
    async def dropped(self, *parts: bytes) -> str:
        """The line in the log."""
        with logged_lines() as lines:
            await self.say(*parts)
        told = [line for line in lines if line.startswith("control: ")]
        self.assertEqual(len(told), 1, lines)
        self.assertTrue(told[0].startswith(f"control: pid {os.getpid()} "), told)
        return told[0].removeprefix(f"control: pid {os.getpid()} ")

    async def test_what_is_no_amp_is_dropped(self) -> None:
        self.serve()
        for garbage in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"status\n", b"\xff" * 100_000, b"\0\1a\0\1b\1\0x"):
            self.assertEqual(await self.dropped(garbage), "does not speak AMP, dropped")
        self.assertEqual(await self.ask("echo"), {})

    async def test_what_is_no_question_is_dropped(self) -> None:
        self.serve()
        for box in (
            b"\0\0",
            as_box({b"a": b"b"}),
            as_box({b"_answer": b"1", b"answer": b"{}"}),
            as_box({b"_error": b"1", b"_error_code": b"x", b"_error_description": b"y"}),
            as_box({b"_command": b"ask", b"_ask": b"1"}),
            _question(_command=b"StartTLS"),
            _question(more=b"x"),
            _question(_answer=b"1"),
        ):
            self.assertEqual(await self.dropped(box), "sent what is no question, dropped", box)
        self.assertEqual(await self.ask("echo"), {})

    async def test_a_verb_that_is_no_text_is_an_unknown_one(self) -> None:
        self.serve()
        self.assertIn(rb"does not know what '\\xff\x00' is", await self.exchange(_question(verb=b"\xff\0")))

    async def test_one_that_says_nothing_is_dropped(self) -> None:
        self.patch(conversation, "PATIENCE", 0.05)
        self.serve()
        self.assertEqual(await self.dropped(), "took longer than 0.05 s, dropped")

    async def test_one_that_does_not_come_to_an_end_is_dropped(self) -> None:
        self.patch(conversation, "PATIENCE", 0.05)
        self.serve()
        self.assertEqual(await self.dropped(_question()[:-1]), "took longer than 0.05 s, dropped")
        self.assertEqual(await self.dropped(_question(), b"\0"), "took longer than 0.05 s, dropped")

    async def test_one_that_says_a_little_now_and_then_is_given_no_more_time(self) -> None:
        self.patch(conversation, "PATIENCE", 0.1)
        self.serve()
        client = self.client()

        def drip() -> bytes:
            client.settimeout(0.02)
            for byte in _question():
                with contextlib.suppress(TimeoutError):
                    client.sendall(bytes([byte]))
                    client.recv(1)
            return client.recv(65536)

        with self.assertRaises(ConnectionError):
            await deferToThread(drip)

    async def test_one_that_says_too_much_is_dropped(self) -> None:
        self.serve()
        many = b"".join(as_box({b"%d" % number: bytes(60_000)})[:-2] for number in range(4))
        self.assertEqual(await self.dropped(many), "sent too much, dropped")

    async def test_one_that_does_not_wait_for_its_answer_is_dropped(self) -> None:
        waiting: Deferred[str] = Deferred()
        self.serve({"wait": lambda given: waiting, "echo": lambda given: given})
        told = "asked again before it had its answer, dropped"
        self.assertEqual(await self.dropped(_question() * 2), told)
        self.assertEqual(await self.dropped(_question(verb=b"wait"), _question()), told)

    async def test_one_that_does_not_take_its_answer_is_dropped(self) -> None:
        self.patch(conversation, "PATIENCE", 0.05)
        service = self.serve({"long": lambda given: "x" * 8_000_000})
        client = self.client()
        with logged_lines() as lines:
            client.sendall(_question(verb=b"long"))
            while not lines:
                await self.pause(0.01)
        self.assertEqual(lines, [f"control: pid {os.getpid()} took longer than 0.05 s, dropped"])
        await service.stopService()

    async def test_one_that_takes_its_time_within_reason_is_served(self) -> None:
        self.serve({"long": lambda given: "x" * 8_000_000})
        client = self.client()
        client.sendall(_question(verb=b"long"))
        await self.pause(0.05)

        def read() -> int:
            size = 0
            while size < 8_000_000:
                size += len(client.recv(65536))
            return size

        self.assertGreater(await deferToThread(read), 8_000_000)

    async def test_open_files_are_not_kept(self) -> None:
        self.serve()
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        client = self.client()
        with logged_lines() as lines:
            socket.send_fds(client, [b"\0"], [writing])
            os.close(writing)
            # The pipe is at its end when nobody has the other one any more.
            self.assertEqual(await deferToThread(os.read, reading, 1), b"")
            while not any("an open file" in line for line in lines):
                await self.pause(0.01)

    async def test_one_that_leaves_cancels_what_was_done_for_it(self) -> None:
        cancelled: Deferred[None] = Deferred()
        begun: Deferred[None] = Deferred()

        def wait(given: object) -> Deferred[None]:
            begun.callback(None)
            return Deferred(lambda _: cancelled.callback(None))

        self.serve({"wait": wait})
        client = self.client()
        with logged_lines() as lines:
            client.sendall(_question(verb=b"wait"))
            await begun
            client.close()
            await cancelled
        self.assertEqual(lines, [])

    async def test_one_that_leaves_without_a_word_is_nobody_s_business(self) -> None:
        service = self.serve()
        with logged_lines() as lines:
            self.client().close()
            await self.pause(0.02)
            await service.stopService()
        self.assertEqual(lines, [])
