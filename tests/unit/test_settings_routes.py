from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from duck_tx.errors import SettingsError
from duck_tx.settings import ProxySettings, Settings, load, override
from duck_tx.settings.sections.routes import RouteSettings, UpstreamSettings
from tests.case import UnitTestCase

_ONE = "http://127.0.0.1:9000"
_TWO = "http://127.0.0.1:9001"


class RouteSettingsTests(UnitTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.file = self.directory / "duck.toml"

    def routes(
        self, toml: str = "", environ: Mapping[str, str] | None = None, upstream: Sequence[str] = ()
    ) -> tuple[RouteSettings, ...]:
        self.file.write_text(toml)
        options: dict[str, Any] = {"upstream": list(upstream)}
        return load(directory=self.directory, environ=environ or {}, options=options).settings.proxy.routes

    def problems(
        self, toml: str = "", environ: Mapping[str, str] | None = None, upstream: Sequence[str] = ()
    ) -> list[str]:
        with self.assertRaises(SettingsError) as caught:
            self.routes(toml, environ, upstream)
        return list(caught.exception.problems)

    def test_there_are_none_by_default(self) -> None:
        self.assertEqual(self.routes(), ())

    def test_a_file_gives_them_as_tables(self) -> None:
        [route] = self.routes(
            "[[proxy.routes]]\nprefix = '/api'\nhost = 'Example.com'\nstrip = true\n"
            f"upstreams = ['{_ONE}', {{url = 'unix:/run/x.sock', weight = 3}}]\n"
        )
        self.assertEqual((route.prefix, route.host, route.strip), ("/api", "Example.com", True))
        self.assertEqual(
            route.servers, (UpstreamSettings(url=_ONE), UpstreamSettings(url="unix:/run/x.sock", weight=3))
        )

    def test_the_same_prefix_on_the_command_line_again_is_one_server_more(self) -> None:
        routes = self.routes(upstream=[f"/api={_ONE}", "/=unix:/run/x.sock", f"/api/={_TWO}"])
        self.assertEqual(
            routes,
            (
                RouteSettings(prefix="/api", upstreams=(_ONE, _TWO)),
                RouteSettings(prefix="/", upstreams=("unix:/run/x.sock",)),
            ),
        )

    def test_the_environment_gives_them_as_tables_or_as_the_command_line_does(self) -> None:
        as_tables = f'[{{prefix = "/api", upstreams = ["{_ONE}"]}}]'
        for text in (as_tables, f"/api={_ONE}", f" /api = {_ONE} ,"):
            self.assertEqual(
                self.routes(environ={"DUCK_PROXY__ROUTES": text}), (RouteSettings(prefix="/api", upstreams=(_ONE,)),)
            )
        self.assertEqual(self.routes(environ={"DUCK_PROXY__ROUTES": ""}), ())

    def test_the_command_line_takes_the_place_of_the_file(self) -> None:
        toml = f"[[proxy.routes]]\nupstreams = ['{_ONE}']\n"
        self.assertEqual(self.routes(toml, upstream=[f"/x={_TWO}"]), (RouteSettings(prefix="/x", upstreams=(_TWO,)),))

    def test_good_urls(self) -> None:
        for url in ("http://a", "https://a.b:443/", "http://[::1]:80/base/", "unix:/run/a b.sock".replace(" ", "_")):
            self.assertEqual(self.routes(upstream=[f"/={url}"])[0].upstreams, (url,))

    def test_bad_urls(self) -> None:
        for url in ("ftp://a", "a:80", "http://", "http://a?b", "http://a/#b", "http://u@a", "unix:x", "http://a b"):
            [problem] = self.problems(upstream=[f"/x={url}"])
            self.assertTrue(problem.startswith('proxy.routes[0] = {prefix = "/x", upstreams = ["'), problem)
            self.assertIn("(--upstream): upstreams = [", problem)
            self.assertIn(
                "is not accepted; give a list of http://HOST[:PORT][/BASE], https://... or unix:/PATH", problem
            )

    def test_an_option_that_is_no_prefix_and_url(self) -> None:
        for text in (_ONE, "/api", "api=http://a"):
            [problem] = self.problems(upstream=[text])
            self.assertTrue(
                problem.startswith(f'proxy.routes = ["{text}"] (--upstream): not accepted; give a'), problem
            )
            self.assertTrue(problem.endswith("in a variable or an option also PREFIX=URL"), problem)

    def test_a_wrong_key_is_told_with_what_it_accepts(self) -> None:
        for line, said in (
            ("upstreams = []", "upstreams = [] is not accepted; give a list of http://HOST"),
            ("prefix = 'api'", 'prefix = "api" is not accepted; give a path that begins with a slash'),
            ("prefix = '/a?b'", "is not accepted; give a path that begins with a slash"),
            ("balance = 'random'", 'balance = "random" is not accepted; give round-robin, least-in-flight'),
            ("balance = 'hash-cookie:'", "is not accepted; give round-robin"),
            ("connect_timeout = 0", "connect_timeout = 0 is not accepted; give a number above 0 and at most 86400"),
            ("eject_statuses = [404]", "is not accepted; give a list of status codes from 500 to 599"),
            ("host_header = 'a/b'", "is not accepted; give keep, rewrite or a host with optional port"),
            ("weight = 2", "there is no such key as weight in it; give a list of tables"),
            ("retry_share = 2", "retry_share = 2 is not accepted; give a number from 0 to 1"),
        ):
            upstreams = "" if line.startswith("upstreams") else f"upstreams = ['{_ONE}']\n"
            [problem] = self.problems(f"[[proxy.routes]]\n{line}\n{upstreams}")
            self.assertTrue(problem.startswith("proxy.routes[0] = {"), problem)
            self.assertIn(said, problem)
        [problem] = self.problems("[[proxy.routes]]\nprefix = '/a'\n")
        self.assertIn("upstreams is missing", problem)

    def test_all_that_contradicts_is_told_at_once(self) -> None:
        problems = self.problems(
            f"[[proxy.routes]]\nprefix = '/api'\nhost = 'a.b'\nupstreams = ['{_ONE}', '{_ONE}']\n"
            "[[proxy.routes]]\nprefix = '/api/'\nhost = 'A.B'\nupstreams = ['http://a:0', 'http://[::1]:65536/x']\n"
            f"[[proxy.routes]]\nprefix = '/api'\nupstreams = ['{_TWO}']\n"
        )
        for problem in problems:
            self.assertTrue(problem.startswith("proxy.routes = [{"), problem)
            self.assertIn(f"({self.file}): ", problem)
        self.assertEqual(
            [problem.partition(f"({self.file}): ")[2] for problem in problems],
            [
                'routes[0] and routes[1] are both for "/api/" of the host a.b; put all of their upstreams into one',
                f'routes[0]: "{_ONE}" is there twice; give it once, with a weight',
                'routes[1]: "http://a:0": there is no port 0; give one from 1 to 65535',
                'routes[1]: "http://[::1]:65536/x": there is no port 65536; give one from 1 to 65535',
            ],
        )

    def test_prefixes_that_no_request_has(self) -> None:
        for prefix in ("/../a", "/a/./b", "/a%zz", "/%"):
            [problem] = self.problems(upstream=[f"{prefix}={_ONE}"])
            self.assertIn(f'routes[0]: prefix = "{prefix}" is no path that a request has', problem)

    def test_files_that_are_not_there_or_of_no_use(self) -> None:
        there = self.directory / "ca.pem"
        there.touch()
        table = "[[proxy.routes]]\nupstreams = ['{}']\nca_file = '{}'\n"
        [route] = self.routes(table.format("https://a", there))
        self.assertEqual(route.ca_file, str(there))
        [problem] = self.problems(table.format("https://a", self.directory / "b.pem"))
        self.assertTrue(problem.endswith('b.pem": there is no such file; mend the path'), problem)
        [problem] = self.problems(table.format("http://a", there))
        self.assertIn("ca_file is of no use without an upstream that begins with https://", problem)
        [problem] = self.problems(f"[[proxy.routes]]\nupstreams = ['https://a']\nclient_key = '{there}'\n")
        self.assertIn("a private key is of no use without its certificate; give client_certificate", problem)

    def test_those_made_by_hand_are_checked(self) -> None:
        made = RouteSettings(prefix="/a", upstreams=(UpstreamSettings(url=_ONE, weight=2), _TWO))
        settings = override(Settings(proxy=ProxySettings(routes=(made,))), {}, "App()").settings
        self.assertEqual(settings.proxy.routes, (made,))
        twice = Settings(proxy=ProxySettings(routes=(made, made)))
        self.assertRaises(SettingsError, override, twice, {}, "App()")

    def test_what_is_for_everything(self) -> None:
        self.assertTrue(RouteSettings(upstreams=(_ONE,)).is_everything)
        self.assertFalse(RouteSettings(host="a", upstreams=(_ONE,)).is_everything)
        self.assertFalse(RouteSettings(prefix="/a", upstreams=(_ONE,)).is_everything)
        self.assertEqual(RouteSettings(prefix="/a", upstreams=(_ONE,)).mount, "/a/")
