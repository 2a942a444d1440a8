"""Tables in a list of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from duck_tx.settings.table import fault, plain
from tests.case import UnitTestCase


class _Door(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    name: Annotated[str, msgspec.Meta(min_length=1)]
    width: Annotated[int, msgspec.Meta(ge=1)] = 90


class PlainTests(UnitTestCase):
    def test_a_struct_becomes_a_mapping_without_its_defaults(self) -> None:
        self.assertEqual(plain(_Door(name="front")), {"name": "front"})
        self.assertEqual(plain(_Door(name="barn", width=300)), {"name": "barn", "width": 300})

    def test_paths_become_text(self) -> None:
        self.assertEqual(plain(_Door(name=Path("front"))), {"name": "front"})  # type: ignore[arg-type]

    def test_anything_else_stays_what_it_is(self) -> None:
        for value in ({"name": 1}, "front", None, 3):
            self.assertIs(plain(value), value)

    def test_what_has_no_plain_form_is_refused(self) -> None:
        self.assertRaises(ValueError, plain, _Door(name=object()))  # type: ignore[arg-type]


class FaultTests(UnitTestCase):
    def test_a_right_table_has_none(self) -> None:
        self.assertEqual(fault(_Door, {"name": "front"}), ("", ""))
        self.assertEqual(fault(_Door, {"name": "front", "width": 80}), ("", ""))

    def test_what_is_wrong_is_said(self) -> None:
        for table, said, key in (
            ("front", "this is no table", ""),
            ({}, "name is missing", ""),
            ({"name": "front", "witdh": 1}, "there is no such key as witdh in it", ""),
            ({"name": "front", "wi dth": 1}, 'there is no such key as "wi dth" in it', ""),
            ({"name": "", "width": 1}, 'name = "" is not accepted', "name"),
            ({"name": "front", "width": "1"}, 'width = "1" is not accepted', "width"),
        ):
            self.assertEqual(fault(_Door, table), (said, key))

    @given(st.dictionaries(st.sampled_from(["name", "width", "other"]), st.one_of(st.integers(), st.text(), st.none())))
    def test_it_finds_one_where_the_conversion_does(self, table: dict[str, Any]) -> None:
        try:
            msgspec.convert(table, _Door)
        except msgspec.ValidationError:
            self.assertNotEqual(fault(_Door, table), ("", ""))
        else:
            self.assertEqual(fault(_Door, table), ("", ""))
