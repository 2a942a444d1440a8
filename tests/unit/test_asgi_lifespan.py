"""The lifespan of an ASGI application."""

from __future__ import annotations

import asyncio
from typing import Any

from asgiref.typing import LifespanScope

from duck_tx.errors import ApplicationError
from duck_tx.eventloop.thread import end
from duck_tx.gateway.asgi.lifespan import Lifespan
from tests.unit.asgi_case import AsgiCase, Receive, Scope, Send, mistakes, sending

_UP = {"type": "lifespan.startup.complete"}
_DOWN = {"type": "lifespan.shutdown.complete"}


class LifespanTests(AsgiCase):
    def start(self, application: Any, timeout: float = 5.0) -> Lifespan:
        self.lifespan = Lifespan(application, "site:app")
        self.addCleanup(self.stop)
        self.loop.run_until_complete(self.lifespan.start(timeout))
        return self.lifespan

    def stop(self, timeout: float = 5.0) -> None:
        self.loop.run_until_complete(self.lifespan.stop(timeout))
        self.loop.run_until_complete(end())

    def assertRefuses(self, application: Any, said: str, timeout: float = 5.0) -> None:
        with self.assertRaises(ApplicationError) as caught:
            self.start(application, timeout)
        self.assertEqual(str(caught.exception), f"the ASGI application site:app {said}.")

    def test_one_that_is_dropped_with_its_loop_has_not_failed(self) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await asyncio.sleep(0)

        life = Lifespan(application, "site:app")._run()
        life.send(None)
        life.close()
        self.assertLogged()

    def test_an_application_starts_and_ends(self) -> None:
        seen: list[Any] = []

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            seen.extend(mistakes(scope, LifespanScope))
            scope["state"]["pool"] = 1
            seen.append(await receive())
            await send(_UP)
            seen.append(await receive())
            await send(_DOWN)

        lifespan = self.start(application)
        self.assertEqual(seen, [{"type": "lifespan.startup"}])
        self.assertEqual(lifespan.state, {"pool": 1})
        self.stop()
        self.assertEqual(seen[1:], [{"type": "lifespan.shutdown"}])
        self.assertLogged()

    def test_one_that_does_not_know_it_goes_without(self) -> None:
        async def raising(scope: Scope, receive: Receive, send: Send) -> None:
            raise ValueError("only http here")

        for application in (raising, sending(), sending({"type": "http.response.start"})):
            self.assertIsNone(self.start(application).state)
            self.stop()
        self.assertLogged()

    def test_one_that_fails_when_it_has_heard_of_its_start_goes_without_but_not_in_silence(self) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            raise LookupError("no database")

        self.assertIsNone(self.start(application).state)
        self.stop()
        self.assertLogged("the lifespan of the ASGI application site:app failed")

    def test_one_that_takes_it_for_a_request_does_not_know_it(self) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send({"type": "http.response.start", "status": 200})

        self.assertIsNone(self.start(application).state)
        self.stop()
        self.assertLogged()

    def test_one_that_says_that_it_failed_stops_the_start(self) -> None:
        for message, said in (
            ("no database", "could not start: no database"),
            ("", "could not start: it does not say why"),
            ("Traceback (most recent call last):\n  File\nOSError: no\ndatabase.", "could not start: database"),
        ):
            failed = {"type": "lifespan.startup.failed", "message": message}
            self.assertRefuses(sending(failed), said)

    def test_one_that_never_answers_stops_the_start(self) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await asyncio.Event().wait()

        self.assertRefuses(application, "has not started after 0.01 s (gateway.lifespan_timeout)", 0.01)

    def test_one_that_breaks_while_it_serves_is_logged(self) -> None:
        go = asyncio.Event()

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await send(_UP)
            await go.wait()
            raise LookupError("lost")

        self.start(application)
        go.set()
        self.stop()
        self.assertLogged("the lifespan of the ASGI application site:app failed")

    def test_an_end_that_fails_is_logged(self) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await receive()
            await send(_UP)
            await receive()
            await send({"type": "lifespan.shutdown.failed", "message": "still busy"})

        self.start(application)
        self.stop()
        self.assertLogged("site:app did not end well: still busy")

    def test_an_end_that_does_not_come_is_not_waited_for(self) -> None:
        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await send(_UP)
            await asyncio.Event().wait()

        self.start(application)
        self.stop(0.01)
        self.assertLogged("did not end well: it has not ended after 0.0 s")

    def test_answers_that_nobody_asked_for_are_the_applications_mistake(self) -> None:
        for events in ([_UP, _UP], [_UP, _DOWN], [_UP, {"type": "http.response.start"}], [_UP, {"type": 1}]):
            with self.subTest(events=events):
                self.lines.clear()
                self.start(sending(*events))
                self.stop()
                self.assertLogged("the lifespan of the ASGI application site:app failed")
