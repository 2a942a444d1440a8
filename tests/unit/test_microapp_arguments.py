"""What a MicroApp is made with: the promised arguments, and what is said of wrong ones."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

from duck_tx import ApplicationError, MicroApp, Settings, SettingsError
from tests.case import UnitTestCase
from tests.unit.test_microapp import Hello, echo, place

_ARGUMENTS: dict[str, object] = {
    "addr": "localhost",
    "port": 8080,
    "parent_app": None,
    "domain": None,
    "uses_ipv6": False,
    "enable_https": False,
    "no_logs": True,
    "workers": None,
    "force_worker_processes": False,
}


class SignatureTests(UnitTestCase):
    def test_the_constructor_has_the_arguments_and_defaults_that_were_promised(self) -> None:
        parameters = list(inspect.signature(MicroApp).parameters.values())
        promised = parameters[: len(_ARGUMENTS)]
        self.assertEqual({each.name: each.default for each in promised}, _ARGUMENTS)
        self.assertEqual([each.name for each in promised], list(_ARGUMENTS))
        self.assertEqual({each.kind for each in parameters[len(_ARGUMENTS) :]}, {inspect.Parameter.KEYWORD_ONLY})
        self.assertLess({"resource", "wsgi", "asgi"}, {each.name for each in parameters})


class ArgumentTests(UnitTestCase):
    def refused(self, error: str, kind: type[MicroApp] = MicroApp, **arguments: Any) -> None:
        with self.assertRaisesRegex(ApplicationError, error):
            kind(**arguments)

    def test_there_is_one_thing_to_answer_with(self) -> None:
        self.refused(r"^MicroApp\(\): nothing to answer with: override view\(\)")
        self.refused(r"^MicroApp\(\): wsgi and asgi to answer with", wsgi=place, asgi=echo)
        self.refused(r"^Hello\(\): wsgi and view to answer with", Hello, wsgi=place)

    def test_it_is_what_it_should_be(self) -> None:
        self.refused("resource = 7 is no IResource", resource=7)
        self.refused("wsgi = 'site' cannot be called", wsgi="site")

        class Mistaken(MicroApp):
            async def view(self, request: Any) -> str:
                return ""

        self.refused(r"^Mistaken\(\): view\(\) is called on a thread .* call it async_view", Mistaken)

    def test_an_argument_that_is_wrong_is_named_as_a_setting_is(self) -> None:
        table: list[tuple[dict[str, Any], str]] = [
            ({"port": 70_000}, "server.port = 70000"),
            ({"port": "8080"}, 'server.port = "8080"'),
            ({"addr": "300.1.1.1"}, 'server.addr = "300.1.1.1"'),
            ({"workers": 0}, "server.workers = 0"),
            ({"enable_https": "yes"}, 'https.enabled = "yes"'),
        ]
        for values, key in table:
            with self.assertRaises(SettingsError) as caught:
                Hello(**values)
            self.assertTrue(str(caught.exception).startswith(f"{key} (Hello())"), str(caught.exception))

    def test_a_place_on_a_server_needs_the_app_of_that(self) -> None:
        self.refused("give parent_app", Hello, prefix="/api/")
        self.refused(r"parent_app = 'app' is no App", Hello, parent_app="app")


class HandedOverTests(UnitTestCase):
    def test_what_goes_to_a_worker_has_nothing_of_this_process(self) -> None:
        hello = Hello(port=9000, domain="a.example", settings=Settings())
        hello.word = "quack"  # type: ignore[attr-defined]
        view = pickle.loads(pickle.dumps(hello.view))
        self.assertEqual(view(None), "hello")
        there = view.__self__
        self.assertEqual((there.word, there.parent_app, there.server_up), ("quack", None, False))
        self.assertEqual(there.build_absolute_uri("/x"), "http://a.example:9000/x")
        self.assertEqual((there.port, there.addr, there.DOMAIN), (9000, "localhost", "a.example"))
