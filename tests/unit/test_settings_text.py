"""Text from variables and options, read by the type of its field."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.settings.fields import FIELDS
from duck_tx.settings.text import from_text
from duck_tx.settings.toml import toml_value
from tests.case import UnitTestCase


class FromTextTests(UnitTestCase):
    def assert_reads(self, key: str, text: str, value: object) -> None:
        result = from_text(FIELDS[key], text)
        self.assertEqual((result, type(result)), (value, type(value)))

    def assert_refused(self, key: str, text: str) -> None:
        self.assertRaises(ValueError, from_text, FIELDS[key], text)

    def test_booleans_have_four_words_each(self) -> None:
        for text in ("1", "true", "yes", "on", "True", "YES", " on "):
            self.assert_reads("log.access", text, True)
        for text in ("0", "false", "no", "off", "False", "Off"):
            self.assert_reads("log.access", text, False)
        for text in ("", "2", "y", "enabled", "none"):
            self.assert_refused("log.access", text)

    def test_integers_are_plain_decimals(self) -> None:
        self.assert_reads("server.port", "8000", 8000)
        self.assert_reads("server.port", " 8_000\n", 8000)
        self.assert_reads("server.port", "-1", -1)
        for text in ("", "0x10", "8000.0", "8e3", "8 000", "_1", "1_", "1__0", "٣", "true", "9" * 5000):
            self.assert_refused("server.port", text)

    def test_numbers_may_have_a_fraction(self) -> None:
        self.assert_reads("server.grace", "30", 30.0)
        self.assert_reads("server.grace", "0.5", 0.5)
        self.assert_reads("server.grace", "1e1", 10.0)
        for text in ("", "30s", "½", "٣"):
            self.assert_refused("server.grace", text)

    def test_empty_text_means_none_where_there_may_be_none(self) -> None:
        for key in ("server.domain", "server.workers", "server.debug", "gateway.threads", "log.file"):
            self.assert_reads(key, "", None)

    def test_empty_text_stays_text_where_there_is_no_none(self) -> None:
        self.assert_reads("http.server_header", "", "")

    def test_text_is_taken_as_it_is(self) -> None:
        self.assert_reads("gateway.project", " /srv/my site ", " /srv/my site ")

    def test_a_union_takes_the_first_type_that_fits(self) -> None:
        self.assert_reads("server.workers", "4", 4)
        self.assert_reads("server.workers", "auto", "auto")
        self.assert_refused("server.workers", "many")

    def test_one_of_several_words_has_to_be_given_exactly(self) -> None:
        self.assert_reads("log.format", "json", "json")
        self.assert_refused("log.format", "JSON")

    def test_lists_are_separated_by_commas(self) -> None:
        self.assert_reads("proxy.trusted", "10.0.0.0/8, unix,::1", ["10.0.0.0/8", "unix", "::1"])
        self.assert_reads("proxy.trusted", "", [])
        self.assert_reads("gateway.commands_on_startup", "migrate", ["migrate"])

    def test_lists_may_be_arrays(self) -> None:
        self.assert_reads("gateway.commands_on_startup", '["loaddata a,b", "migrate"]', ["loaddata a,b", "migrate"])
        self.assert_refused("proxy.trusted", "[::1]")

    def test_tables_stand_in_an_array(self) -> None:
        text = '[{certfile = "a.pem", private_key = "a.key"}, {certfile = "b.pem"}]'
        tables = [{"certfile": "a.pem", "private_key": "a.key"}, {"certfile": "b.pem"}]
        self.assert_reads("https.certificates", text, tables)
        self.assert_reads("https.certificates", "", [])
        for other in ("a.pem", "a.pem,b.pem", '{certfile = "a.pem"}', '[{"certfile": "a.pem"}]'):
            self.assert_refused("https.certificates", other)

    @given(st.lists(st.text(min_size=1)))
    def test_any_list_of_text_can_be_given_as_an_array(self, items: list[str]) -> None:
        self.assertEqual(from_text(FIELDS["proxy.trusted"], toml_value(items)), items)

    @given(st.sampled_from(sorted(FIELDS)), st.text())
    def test_text_is_either_read_or_refused(self, key: str, text: str) -> None:
        try:
            value = from_text(FIELDS[key], text)
        except ValueError:
            return
        self.assertIsInstance(value, (bool, int, float, str, list, type(None)))
