"""All sources together: who wins, what is checked, and how problems are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from duck_tx.errors import SettingsError
from duck_tx.settings.fields import FIELDS
from duck_tx.settings.load import Loaded, load, override
from duck_tx.settings.options import OPTIONS
from duck_tx.settings.schema import (
    CertificateSettings,
    GatewaySettings,
    HttpsSettings,
    ServerSettings,
    Settings,
    SidecarSettings,
)
from tests.case import UnitTestCase
from tests.unit.settings_values import as_environment, as_toml, layers

_OPTION_OF = {option.key: option for option in OPTIONS if not option.is_flag}


def _flat(result: Settings) -> dict[str, object]:
    values: dict[str, object] = {}
    for key in FIELDS:
        value: Any = result
        for name in key.split("."):
            value = getattr(value, name)
        # With lists, within tables too, where the settings have tuples.
        values[key] = msgspec.json.decode(msgspec.json.encode(value))
    return values


class LoadTestCase(UnitTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir(parents=True)
        self.file = self.directory / "duck.toml"

    def load(
        self,
        toml: str | None = None,
        environ: dict[str, str] | None = None,
        options: dict[str, object] | None = None,
    ) -> Loaded:
        if toml is not None:
            self.file.write_text(toml, encoding="utf-8")
        return load(directory=self.directory, environ=environ or {}, options=options or {})

    def problems(
        self,
        toml: str | None = None,
        environ: dict[str, str] | None = None,
        options: dict[str, object] | None = None,
    ) -> list[str]:
        with self.assertRaises(SettingsError) as caught:
            self.load(toml, environ, options)
        return list(caught.exception.problems)


class PrecedenceTests(LoadTestCase):
    def test_without_sources_everything_is_a_default(self) -> None:
        loaded = self.load()
        self.assertEqual(loaded.settings, Settings())
        self.assertEqual(loaded.sources, dict.fromkeys(FIELDS, "default"))

    def test_each_source_is_stronger_than_the_one_before(self) -> None:
        toml = "[server]\nport = 1\naddr = 'file'\ndomain = 'file'\n"
        environ = {"DUCK_SERVER__PORT": "2", "DUCK_SERVER__ADDR": "environment"}
        loaded = self.load(toml, environ, {"port": "3"})
        server = loaded.settings.server
        self.assertEqual((server.domain, server.addr, server.port), ("file", "environment", 3))
        self.assertEqual(loaded.sources["server.domain"], str(self.file))
        self.assertEqual(loaded.sources["server.addr"], "DUCK_SERVER__ADDR")
        self.assertEqual(loaded.sources["server.port"], "--port")
        self.assertEqual(loaded.sources["server.grace"], "default")

    @settings(max_examples=60)
    @given(layers(), layers(), layers())
    def test_the_strongest_source_that_gives_a_key_wins(
        self, file: dict[str, Any], environment: dict[str, Any], command: dict[str, Any]
    ) -> None:
        command = {key: value for key, value in command.items() if key in _OPTION_OF and value != []}
        options: dict[str, object] = {_OPTION_OF[key].name: value for key, value in command.items()}
        # Nothing is said of a certificate while nobody has asked for HTTPS.
        file = {"https.enabled": True} | file
        loaded = self.load(as_toml(file), as_environment(environment), options)

        defaults = _flat(Settings())
        self.assertEqual(_flat(loaded.settings), {**defaults, **file, **environment, **command})
        self.assertEqual(
            loaded.sources,
            {
                **dict.fromkeys(defaults, "default"),
                **dict.fromkeys(file, str(self.file)),
                **{key: FIELDS[key].environment for key in environment},
                **{key: f"--{_OPTION_OF[key].name}" for key in command},
            },
        )

    def test_a_named_file_replaces_the_one_that_would_be_found(self) -> None:
        self.file.write_text("server.port = 1")
        (self.directory / "other.toml").write_text("server.addr = 'other'")
        loaded = load(directory=self.directory, environ={}, options={}, config=Path("other.toml"))
        self.assertEqual((loaded.settings.server.port, loaded.settings.server.addr), (8000, "other"))

    def test_text_of_an_option_is_read_like_a_variable(self) -> None:
        loaded = self.load(
            options={"workers": "auto", "threads": "0", "domain": "", "trusted": ["10.0.0.0/8,unix", "::1"]}
        )
        self.assertEqual(loaded.settings.server.workers, "auto")
        self.assertEqual(loaded.settings.gateway.threads, 0)
        self.assertEqual(loaded.settings.server.domain, None)
        self.assertEqual(loaded.sources["server.domain"], "--domain")
        self.assertEqual(loaded.settings.proxy.trusted, ("10.0.0.0/8", "unix", "::1"))

    def test_an_option_may_be_typed_already(self) -> None:
        loaded = self.load(options={"port": 1, "project": Path("/srv/site"), "ipv6": True})
        self.assertEqual(loaded.settings.server.port, 1)
        self.assertEqual(loaded.settings.gateway.project, "/srv/site")
        self.assertTrue(loaded.settings.server.uses_ipv6)

    def test_an_empty_variable_takes_back_what_the_file_says(self) -> None:
        loaded = self.load("server.workers = 4", {"DUCK_SERVER__WORKERS": ""})
        self.assertIsNone(loaded.settings.server.workers)

    def test_whole_numbers_do_for_seconds(self) -> None:
        grace = self.load("server.grace = 5").settings.server.grace
        self.assertEqual((grace, type(grace)), (5.0, float))

    def test_the_sources_cannot_be_changed(self) -> None:
        sources: Any = self.load().sources
        with self.assertRaises(TypeError):
            sources["server.port"] = "me"


class ProblemTests(LoadTestCase):
    def test_a_value_out_of_range_is_told_with_its_limits(self) -> None:
        self.assertEqual(
            self.problems("[server]\nport = 70000\n[http]\nheader_timeout = 0\n"),
            [
                f"server.port = 70000 ({self.file}): not accepted; give an integer from 0 to 65535",
                f"http.header_timeout = 0 ({self.file}): not accepted;"
                " give a number above 0 and at most 86400 (seconds)",
            ],
        )

    def test_a_wrong_type_is_told_with_the_right_one(self) -> None:
        self.assertEqual(
            self.problems("[server]\nport = '8000'\nworkers = 'many'\n[proxy]\ntrusted = 'unix'\n"),
            [
                f'server.port = "8000" ({self.file}): not accepted; give an integer from 0 to 65535',
                f'server.workers = "many" ({self.file}): not accepted;'
                ' give an integer from 1 to 1024 or "auto", or leave it out for none',
                f'proxy.trusted = "unix" ({self.file}): not accepted;'
                " give a list of addresses, networks such as 10.0.0.0/8, unix, or *",
            ],
        )

    def test_booleans_are_no_numbers_and_numbers_no_booleans(self) -> None:
        self.assertEqual(len(self.problems("server.port = true\nlog.access = 1\nserver.grace = false")), 3)

    def test_what_is_no_number_is_no_number_of_seconds(self) -> None:
        for text in ("nan", "inf", "-inf"):
            [from_file] = self.problems(f"server.grace = {text}")
            self.assertIn("a number from 0 to 86400 (seconds)", from_file)
            [from_variable] = self.problems("", {"DUCK_SERVER__GRACE": text})
            self.assertIn("a number from 0 to 86400 (seconds)", from_variable)

    def test_text_from_a_variable_that_cannot_be_read_is_told(self) -> None:
        self.assertEqual(
            self.problems(environ={"DUCK_GATEWAY__THREADS": "a few"}),
            [
                'gateway.threads = "a few" (DUCK_GATEWAY__THREADS): not accepted;'
                " give an integer from 0 to 1024 (threads), or empty for none"
            ],
        )

    def test_a_wrong_option_is_told_by_its_name(self) -> None:
        [problem] = self.problems(options={"wsgi": "mysite"})
        self.assertEqual(problem, 'gateway.wsgi = "mysite" (--wsgi): not accepted; give MODULE:NAME, or empty for none')

    def test_problems_of_all_sources_are_told_at_once(self) -> None:
        problems = self.problems(
            "[server]\nport = -1\nprot = 1\n",
            {"DUCK_LOG__FORMAT": "xml", "DUCK_FOO__BAR": "1"},
            {"workers": "0", "trusted": ["nobody"]},
        )
        for named in ("server.port = -1", "server.prot", "DUCK_LOG__FORMAT", "DUCK_FOO__BAR", "--workers"):
            self.assertEqual(len([each for each in problems if named in each]), 1, named)
        self.assertEqual(len(problems), 6)

    def test_a_wrong_value_is_told_even_where_a_stronger_source_is_right(self) -> None:
        [problem] = self.problems("server.port = -1", options={"port": "80"})
        self.assertIn("server.port = -1", problem)

    def test_a_broken_file_does_not_hide_the_other_sources(self) -> None:
        problems = self.problems("[server", {"DUCK_SERVER__PORT": "x"})
        self.assertEqual(len(problems), 2)
        self.assertIn(f"{self.file}, line 1, column 8: not TOML", problems[0])

    def test_an_impossible_combination_names_both_keys_and_sources(self) -> None:
        self.assertEqual(
            self.problems("http.max_header_block = 1000"),
            [
                f"http.max_header_line = 16384 (default), http.max_header_block = 1000 ({self.file}):"
                " one line cannot be longer than the block it is in; lower the first or raise the second"
            ],
        )

    def test_combinations_with_a_wrong_value_are_not_judged(self) -> None:
        [problem] = self.problems("http.max_header_block = -1\nhttp.max_header_line = 100000")
        self.assertIn("http.max_header_block = -1", problem)

    def test_values_that_would_end_a_line_are_refused(self) -> None:
        for key in ("http.server_header", "server.process_name", "server.domain", "server.addr"):
            for end in ("\n", "\r\nX: y", "\0"):
                [problem] = self.problems(as_toml({key: f"duck{end}"}))
                self.assertEqual(len(problem.splitlines()), 1)
                self.assertIn(key, problem)

    def test_a_name_with_scheme_or_port_is_no_domain(self) -> None:
        for domain in ("https://example.com", "example.com:80", "example.com/", "a b", "bücher.example"):
            [problem] = self.problems(as_toml({"server.domain": domain}))
            self.assertIn("a host name without scheme or port", problem)

    def test_undecodable_bytes_of_a_variable_are_refused(self) -> None:
        [problem] = self.problems(environ={"DUCK_GATEWAY__PROJECT": "/srv/caf\udce9"})
        self.assertIn('gateway.project = "/srv/caf\\udce9" (DUCK_GATEWAY__PROJECT)', problem)
        problem.encode()

    @given(st.sampled_from(sorted(field.environment for field in FIELDS.values())), st.text())
    def test_any_text_of_a_variable_is_taken_or_told(self, name: str, text: str) -> None:
        try:
            loaded = self.load(environ={name: text})
        except SettingsError as error:
            self.assertEqual([problem for problem in error.problems if name not in problem], [])
        else:
            self.assertIn(name, loaded.sources.values())

    @given(
        st.dictionaries(
            st.sampled_from(sorted(FIELDS)),
            st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text())),
            max_size=5,
        )
    )
    def test_any_value_is_taken_or_told(self, values: dict[str, object]) -> None:
        try:
            loaded = override(Settings(), values, "test")
        except SettingsError as error:
            self.assertEqual([problem for problem in error.problems if "(test)" not in problem], [])
        else:
            self.assertEqual({key for key, source in loaded.sources.items() if source == "test"}, set(values))


class TableTests(LoadTestCase):
    """Lists of tables, such as the certificates."""

    def test_each_table_of_a_file_is_one(self) -> None:
        loaded = self.load(
            "[[https.certificates]]\ncertfile = 'a.pem'\nprivate_key = 'a.key'\n"
            "[[https.certificates]]\ncertfile = 'b'\n"
        )
        self.assertEqual(
            loaded.settings.https.certificates,
            (CertificateSettings(certfile="a.pem", private_key="a.key"), CertificateSettings(certfile="b")),
        )
        self.assertEqual(loaded.sources["https.certificates"], str(self.file))

    def test_a_variable_gives_all_of_them(self) -> None:
        loaded = self.load(
            "[[https.certificates]]\ncertfile = 'a.pem'", {"DUCK_HTTPS__CERTIFICATES": '[{certfile = "b.pem"}]'}
        )
        self.assertEqual(loaded.settings.https.certificates, (CertificateSettings(certfile="b.pem"),))

    def test_a_wrong_table_is_told_by_its_number_with_what_is_wrong(self) -> None:
        whole = 'give a list of tables, [[https.certificates]] or [{certfile = "b.pem", private_key = "b.key"}]'
        path = "give a path, not empty"
        for table, said, mend in (
            ("certfle = 'b'", '{certfle = "b"} (%s): there is no such key as certfle in it', whole),
            ("private_key = 'b'", '{private_key = "b"} (%s): certfile is missing', whole),
            ("certfile = 5", "{certfile = 5} (%s): certfile = 5 is not accepted", path),
            ("certfile = ''", '{certfile = ""} (%s): certfile = "" is not accepted', path),
        ):
            [problem] = self.problems(f"[[https.certificates]]\ncertfile = 'a'\n[[https.certificates]]\n{table}\n")
            self.assertEqual(problem, f"https.certificates[1] = {said % self.file}; {mend}")

    def test_what_is_no_list_of_tables_is_told_with_what_is(self) -> None:
        mend = '; give a list of tables, [[https.certificates]] or [{certfile = "b.pem", private_key = "b.key"}]'
        for toml, said in (
            ("[https.certificates]\ncertfile = 'a'", '{certfile = "a"} (%s): not accepted'),
            ("https.certificates = 'a'", '"a" (%s): not accepted'),
        ):
            self.assertEqual(self.problems(toml), [f"https.certificates = {said % self.file}{mend}"])
        [problem] = self.problems("https.certificates = ['a']")
        self.assertEqual(problem, f'https.certificates[0] = "a" ({self.file}): this is no table{mend}')
        [problem] = self.problems("", {"DUCK_HTTPS__CERTIFICATES": "a.pem"})
        self.assertEqual(problem, f'https.certificates = "a.pem" (DUCK_HTTPS__CERTIFICATES): not accepted{mend}')

    def test_tables_may_stand_outside_of_all_sections(self) -> None:
        loaded = self.load("[[sidecars]]\ncommand = ['celery', 'worker']\n[[sidecars]]\ncommand = ['b']\nenv.A = '1'\n")
        self.assertEqual(
            loaded.settings.sidecars,
            (SidecarSettings(command=("celery", "worker")), SidecarSettings(command=("b",), env={"A": "1"})),
        )
        self.assertEqual(loaded.sources["sidecars"], str(self.file))
        loaded = self.load("[[sidecars]]\ncommand = ['a']", {"DUCK_SIDECARS": '[{command = ["b"]}]'})
        self.assertEqual(loaded.settings.sidecars, (SidecarSettings(command=("b",)),))
        self.assertEqual(loaded.sources["sidecars"], "DUCK_SIDECARS")

    def test_a_wrong_table_outside_of_all_sections_is_told_in_the_same_way(self) -> None:
        for table, said in (
            ("comand = ['b']", '{comand = ["b"]} (%s): there is no such key as comand in it; give a list of'),
            ("name = 'b'", '{name = "b"} (%s): command is missing; give a list of'),
            (
                "command = []",
                "{command = []} (%s): command = [] is not accepted; give a list of text, at least the name of a",
            ),
            (
                "command = ['b']\nenv.A = 1",
                '{command = ["b"], env = {A = 1}} (%s): env = {A = 1} is not accepted; give a table of text',
            ),
        ):
            [problem] = self.problems(f"[[sidecars]]\ncommand = ['a']\n[[sidecars]]\n{table}\n")
            self.assertTrue(problem.startswith(f"sidecars[1] = {said % self.file}"), problem)
        [problem] = self.problems("[sidecars]\ncommand = ['a']\n")
        self.assertTrue(problem.startswith(f'sidecars = {{command = ["a"]}} ({self.file}): not accepted'), problem)

    def test_undecodable_bytes_within_a_table_are_refused(self) -> None:
        [problem] = self.problems("", {"DUCK_HTTPS__CERTIFICATES": '[{certfile = "caf\udce9"}]'})
        self.assertIn("(DUCK_HTTPS__CERTIFICATES): not accepted", problem)
        problem.encode()

    def test_those_made_by_hand_are_checked(self) -> None:
        def overridden(**values: Any) -> Loaded:
            https = HttpsSettings(certificates=(CertificateSettings(**values),))
            return override(Settings(https=https), {}, "App()")

        self.assertEqual(
            overridden(certfile=Path("a"), private_key="b").settings.https.certificates,
            (CertificateSettings(certfile="a", private_key="b"),),
        )
        for value, said in ((5, "5"), ("", '""')):
            with self.assertRaises(SettingsError) as caught:
                overridden(certfile=value)
            self.assertIn(f"https.certificates[0] = {{certfile = {said}}} (settings): certfile", str(caught.exception))
        with self.assertRaisesRegex(SettingsError, "https.certificates = .*not accepted"):
            overridden(certfile=object())


class OverrideTests(LoadTestCase):
    def test_the_given_values_win_and_the_rest_stays(self) -> None:
        base = self.load("server.port = 1\nserver.addr = 'file'")
        loaded = override(base, {"server.port": 2}, "App()")
        self.assertEqual((loaded.settings.server.port, loaded.settings.server.addr), (2, "file"))
        self.assertEqual(loaded.sources["server.port"], "App()")
        self.assertEqual(loaded.sources["server.addr"], str(self.file))
        self.assertEqual(loaded.sources["server.grace"], "default")

    def test_settings_made_by_hand_are_checked(self) -> None:
        by_hand = Settings(server=ServerSettings(port=-1), gateway=GatewaySettings(threads=2))
        with self.assertRaises(SettingsError) as caught:
            override(by_hand, {}, "App()")
        self.assertEqual(
            caught.exception.problems,
            ("server.port = -1 (settings): not accepted; give an integer from 0 to 65535",),
        )

    def test_settings_made_by_hand_are_a_source(self) -> None:
        loaded = override(Settings(gateway=GatewaySettings(threads=2)), {}, "App()")
        self.assertEqual(loaded.sources["gateway.threads"], "settings")
        self.assertEqual(loaded.sources["server.port"], "default")

    def test_none_is_a_value_like_any_other(self) -> None:
        base = Settings(server=ServerSettings(domain="a"))
        self.assertIsNone(override(base, {"server.domain": None}, "App()").settings.server.domain)
        with self.assertRaisesRegex(SettingsError, r"server\.port = none \(App\(\)\)"):
            override(base, {"server.port": None}, "App()")

    def test_text_is_not_read_as_another_type(self) -> None:
        with self.assertRaisesRegex(SettingsError, r'server\.port = "80" \(App\(\)\)'):
            override(Settings(), {"server.port": "80"}, "App()")

    def test_an_unknown_key_is_told(self) -> None:
        with self.assertRaisesRegex(SettingsError, r"did you mean server\.port\?"):
            override(Settings(), {"server.prot": 1}, "App()")
