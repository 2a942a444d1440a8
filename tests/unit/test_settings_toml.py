"""Values written as TOML and read again."""

from __future__ import annotations

import datetime
import tomllib

from hypothesis import given
from hypothesis import strategies as st

from duck_tx.settings.schema import CertificateSettings
from duck_tx.settings.toml import read_array, toml_key, toml_value
from tests.case import UnitTestCase

_SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(),
)
_VALUES = st.one_of(_SCALARS, st.lists(_SCALARS), st.dictionaries(st.text(), _SCALARS))


class TomlTests(UnitTestCase):
    @given(_VALUES)
    def test_what_is_written_reads_back_the_same(self, value: object) -> None:
        self.assertEqual(tomllib.loads(f"x = {toml_value(value)}"), {"x": value})

    @given(_VALUES)
    def test_a_value_stays_on_one_line(self, value: object) -> None:
        self.assertEqual(len(f"{toml_value(value)}.".splitlines()), 1)

    @given(st.text())
    def test_any_key_can_be_written(self, key: str) -> None:
        self.assertEqual(tomllib.loads(f"{toml_key(key)} = 1"), {key: 1})

    def test_a_plain_key_needs_no_quotes(self) -> None:
        self.assertEqual(toml_key("max_age-2"), "max_age-2")
        self.assertEqual(toml_key("a.b"), '"a.b"')

    def test_a_struct_is_a_table_of_what_is_not_its_default(self) -> None:
        self.assertEqual(toml_value((CertificateSettings(certfile="a.pem"),)), '[{certfile = "a.pem"}]')
        self.assertEqual(
            toml_value(CertificateSettings(certfile="a", private_key="b")), '{certfile = "a", private_key = "b"}'
        )

    def test_what_toml_cannot_say_can_still_be_shown(self) -> None:
        self.assertEqual(toml_value(None), "none")
        self.assertEqual(toml_value(datetime.date(2026, 1, 2)), '"2026-01-02"')
        self.assertEqual(toml_value("\udce9"), '"\\udce9"')


class ReadArrayTests(UnitTestCase):
    @given(st.lists(_SCALARS))
    def test_a_written_list_is_read(self, items: list[object]) -> None:
        self.assertEqual(read_array(toml_value(items)), items)

    def test_anything_but_one_array_is_refused(self) -> None:
        for text in ("", "1", '"a"', "[1", "[1] 2", "[1]\nx = 2", "{a = 1}", "[::1]"):
            self.assertRaises(ValueError, read_array, text)
