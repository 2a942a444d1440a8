"""What each source gives, and which problems it has by itself."""

from __future__ import annotations

from pathlib import Path

from duck_tx.settings.fields import ROOT
from duck_tx.settings.sources import Reading, read_environment, read_options, read_tree
from tests.case import UnitTestCase


def _values(reading: Reading) -> dict[str, object]:
    return {given.field.key: given.value for given in reading.given}


class TreeTests(UnitTestCase):
    def problems(self, tree: dict[str, object]) -> list[str]:
        return read_tree(ROOT, tree, "duck.toml").problems

    def test_tables_give_their_keys(self) -> None:
        reading = read_tree(ROOT, {"server": {"port": 1}, "log": {"access": False}}, "duck.toml")
        self.assertEqual(_values(reading), {"server.port": 1, "log.access": False})
        self.assertEqual({given.source for given in reading.given}, {"duck.toml"})
        self.assertEqual(reading.problems, [])

    def test_an_unknown_key_names_the_nearest(self) -> None:
        self.assertEqual(
            self.problems({"server": {"prot": 1}}),
            ["server.prot = 1 (duck.toml): there is no such setting; did you mean server.port?"],
        )

    def test_a_key_outside_its_section_names_its_place(self) -> None:
        [problem] = self.problems({"port": 1})
        self.assertIn("did you mean server.port?", problem)

    def test_an_unknown_section_names_the_nearest(self) -> None:
        self.assertEqual(
            self.problems({"servr": {"port": 1}}),
            ["servr = {port = 1} (duck.toml): there is no such setting; did you mean server?"],
        )

    def test_nothing_near_lists_what_there_is(self) -> None:
        self.assertEqual(
            self.problems({"zebra": 1, "log": {"zebra": 1}}),
            [
                "zebra = 1 (duck.toml): there is no such setting;"
                " the sections are server, http, http2, https, websocket, gateway, proxy, content, automations, log,"
                " reload",
                "log.zebra = 1 (duck.toml): there is no such setting; log has access, format, file",
            ],
        )

    def test_a_section_has_to_be_a_table(self) -> None:
        self.assertEqual(
            self.problems({"server": 8000}),
            ["server = 8000 (duck.toml): this is a section; give a table, [server]"],
        )

    def test_a_setting_in_no_section_is_read_where_it_stands(self) -> None:
        reading = read_tree(ROOT, {"sidecars": [{}]}, "duck.toml")
        self.assertEqual((_values(reading), reading.problems), ({"sidecars": [{}]}, []))
        [problem] = self.problems({"sidecar": [{}]})
        self.assertIn("did you mean sidecars?", problem)

    def test_a_quoted_key_with_a_dot_is_no_way_into_a_section(self) -> None:
        reading = read_tree(ROOT, {"server.port": 1}, "duck.toml")
        self.assertEqual(reading.given, [])
        [problem] = reading.problems
        self.assertTrue(problem.startswith('"server.port" = 1 (duck.toml): there is no such setting'))

    def test_a_long_value_is_cut_in_the_message(self) -> None:
        [problem] = self.problems({"zebra": "x" * 1000})
        self.assertLess(len(problem), 300)


class EnvironmentTests(UnitTestCase):
    def test_variables_with_section_and_key_are_read(self) -> None:
        reading = read_environment(ROOT, {"DUCK_SERVER__PORT": "1", "DUCK_LOG__FORMAT": "json"})
        self.assertEqual(_values(reading), {"server.port": "1", "log.format": "json"})
        self.assertEqual(
            {given.field.key: given.source for given in reading.given},
            {"server.port": "DUCK_SERVER__PORT", "log.format": "DUCK_LOG__FORMAT"},
        )
        self.assertTrue(all(given.is_text for given in reading.given))

    def test_a_setting_in_no_section_has_a_variable_without_one(self) -> None:
        reading = read_environment(ROOT, {"DUCK_SIDECARS": "[]", "DUCK_SIDECAR": "[]"})
        self.assertEqual((_values(reading), reading.problems), ({"sidecars": "[]"}, []))

    def test_names_of_other_programs_are_left_alone(self) -> None:
        reading = read_environment(
            ROOT, {"DUCK": "1", "DUCK_HOME": "/x", "DUCKDB__X": "1", "PATH": "/bin", "duck_server__port": "1"}
        )
        self.assertEqual((reading.given, reading.problems), ([], []))

    def test_an_unknown_variable_names_the_nearest_one(self) -> None:
        self.assertEqual(
            read_environment(ROOT, {"DUCK_SERVER__PROT": "1"}).problems,
            ['DUCK_SERVER__PROT = "1": there is no such setting; did you mean DUCK_SERVER__PORT?'],
        )

    def test_a_variable_in_lower_case_names_the_right_one(self) -> None:
        [problem] = read_environment(ROOT, {"DUCK_server__port": "1"}).problems
        self.assertIn("did you mean DUCK_SERVER__PORT?", problem)

    def test_an_unknown_section_lists_those_there_are(self) -> None:
        self.assertEqual(
            read_environment(ROOT, {"DUCK_FOO__BAR": "1"}).problems,
            [
                'DUCK_FOO__BAR = "1": there is no such setting;'
                " the sections are server, http, http2, https, websocket, gateway, proxy, content, automations, log,"
                " reload",
            ],
        )

    def test_problems_come_in_the_order_of_names(self) -> None:
        names = ["DUCK_Z__Z", "DUCK_A__A", "DUCK_M__M"]
        problems = read_environment(ROOT, dict.fromkeys(names, "")).problems
        self.assertEqual([problem.split(" ")[0] for problem in problems], sorted(names))


class OptionsTests(UnitTestCase):
    def test_options_set_the_keys_of_their_rows(self) -> None:
        reading = read_options(ROOT, {"port": "1", "django-settings": "a.b", "project": Path("x"), "trusted": ["unix"]})
        self.assertEqual(
            _values(reading),
            {
                "server.port": "1",
                "gateway.django_settings": "a.b",
                "gateway.project": Path("x"),
                "proxy.trusted": ["unix"],
            },
        )
        self.assertEqual(reading.given[1].source, "--django-settings")

    def test_what_was_not_given_sets_nothing(self) -> None:
        reading = read_options(ROOT, {"port": None, "ipv6": 0, "no-access-log": False, "trusted": []})
        self.assertEqual((reading.given, reading.problems), ([], []))

    def test_flags_set_their_own_value(self) -> None:
        self.assertEqual(
            _values(read_options(ROOT, {"ipv6": 1, "no-access-log": True})),
            {"server.uses_ipv6": True, "log.access": False},
        )

    def test_options_that_are_no_settings_are_passed_over(self) -> None:
        reading = read_options(ROOT, {"config": "x.toml", "print-settings": True})
        self.assertEqual((reading.given, reading.problems), ([], []))

    def test_an_unknown_option_names_the_nearest(self) -> None:
        self.assertEqual(
            read_options(ROOT, {"prot": "1", "zebra": "1"}).problems,
            [
                '--prot = "1": there is no such option; did you mean --port?',
                '--zebra = "1": there is no such option; --help lists the options',
            ],
        )

    def test_the_two_ways_of_a_switch_contradict_each_other(self) -> None:
        self.assertEqual(
            read_options(ROOT, {"access-log": 1, "no-access-log": 1}).problems,
            ["--access-log and --no-access-log contradict each other; give one of them"],
        )
