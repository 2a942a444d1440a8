"""The table of command-line options."""

from __future__ import annotations

import re

from duck_tx.settings.fields import FIELDS
from duck_tx.settings.options import OPTIONS, OTHER_OPTIONS, options_of
from tests.case import UnitTestCase


class OptionTests(UnitTestCase):
    def test_every_option_sets_a_key_that_exists(self) -> None:
        self.assertEqual([option.name for option in OPTIONS if option.key not in FIELDS], [])

    def test_no_two_options_share_a_name(self) -> None:
        names = [option.name for option in OPTIONS] + sorted(OTHER_OPTIONS)
        letters = [option.short for option in OPTIONS if option.short]
        self.assertEqual(len(names), len(set(names)))
        self.assertEqual(len(letters), len(set(letters)))

    def test_names_are_lower_case_words_with_dashes(self) -> None:
        for option in OPTIONS:
            self.assertTrue(re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", option.name), option.name)
            self.assertTrue(re.fullmatch(r"[a-z]?", option.short), option.name)

    def test_what_takes_a_value_says_what_it_is_called(self) -> None:
        for option in OPTIONS:
            self.assertEqual(bool(option.metavar), not option.is_flag, option.name)

    def test_flags_set_booleans_and_repeatable_options_lists(self) -> None:
        for option in OPTIONS:
            field = FIELDS[option.key]
            self.assertEqual(option.is_flag, "true or false" in field.type_name, option.name)
            self.assertEqual(option.is_repeatable, field.is_list, option.name)

    def test_help_is_one_plain_sentence_with_its_unit(self) -> None:
        for option in OPTIONS:
            self.assertTrue(option.help.endswith("."), option.name)
            self.assertNotIn("`", option.help)
        [port] = options_of("server.port")
        self.assertEqual(port.help, "TCP port to listen on; 0 picks a free one.")

    def test_a_switch_has_an_option_for_each_of_its_two_ways(self) -> None:
        self.assertEqual(
            {option.name: option.flag for option in options_of("log.access")},
            {"access-log": True, "no-access-log": False},
        )

    def test_an_option_is_shown_as_it_is_typed(self) -> None:
        [wsgi] = options_of("gateway.wsgi")
        [ipv6] = options_of("server.uses_ipv6")
        self.assertEqual((wsgi.usage, ipv6.usage), ("--wsgi MODULE:NAME", "--ipv6"))

    def test_https_is_turned_on_and_given_its_files(self) -> None:
        keys = {option.usage: option.key for option in OPTIONS if option.key.startswith("https.")}
        self.assertEqual(
            keys,
            {
                "--https": "https.enabled",
                "--certfile FILE": "https.certfile",
                "--private-key FILE": "https.private_key",
                "--force-https": "https.force",
                "--redirect-port PORT": "https.redirect_port",
                "--acme EMAIL": "https.acme.email",
            },
        )

    def test_a_key_without_an_option_has_none(self) -> None:
        self.assertEqual(options_of("http.max_uri"), [])
