"""The listing of settings in force, and the reference."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import given, settings

from duck_tx.settings.describe import as_markdown, as_text
from duck_tx.settings.fields import FIELDS, ROOT
from duck_tx.settings.load import load, override
from duck_tx.settings.options import OPTIONS
from duck_tx.settings.schema import Settings
from tests.case import UnitTestCase
from tests.unit.settings_values import layers


class AsTextTests(UnitTestCase):
    @settings(max_examples=60)
    @given(layers())
    def test_the_listing_is_toml_that_gives_the_same_settings(self, values: dict[str, Any]) -> None:
        told = {key: value for key, value in values.items() if not key.startswith("https.acme.eab_")}
        loaded = override(Settings(), told, "test")
        self.assertEqual(msgspec.convert(tomllib.loads(as_text(loaded)), Settings), loaded.settings)

    def test_the_listing_is_a_file_that_can_be_loaded(self) -> None:
        values = {"server.port": 1, "server.workers": "auto", "proxy.trusted": ["unix"]}
        loaded = override(Settings(), values, "test")
        directory = Path(self.mktemp())
        directory.mkdir(parents=True)
        (directory / "duck.toml").write_text(as_text(loaded), encoding="utf-8")
        self.assertEqual(load(directory=directory, environ={}, options={}).settings, loaded.settings)

    def test_every_line_has_key_value_and_source_in_columns(self) -> None:
        loaded = override(Settings(), {"server.port": 1}, "--port")
        lines = [line for line in as_text(loaded).splitlines() if " = " in line]
        self.assertEqual(len(lines), len(FIELDS))
        self.assertEqual(len({line.index(" = ") for line in lines}), 1)
        # A value that is longer than its column moves its own source only.
        [long] = [line for line in lines if line.startswith("directory ")]
        self.assertEqual(len({line.rindex("  # ") for line in lines if line is not long}), 1)
        [port] = [line for line in lines if line.startswith("port ")]
        self.assertEqual(port.split(), ["port", "=", "1", "#", "--port"])

    def test_tables_are_listed_in_line(self) -> None:
        values = {"https.certificates": [{"certfile": "a"}, {"certfile": "b", "private_key": "c"}]}
        [line] = [
            line for line in as_text(override(Settings(), values, "test")).splitlines() if "certificates " in line
        ]
        self.assertIn(' = [{certfile = "a"}, {certfile = "b", private_key = "c"}]', line)

    def test_what_is_in_no_section_comes_before_the_first(self) -> None:
        values = {"sidecars": [{"command": ["celery", "-A", "mysite"], "env": {"A": "1"}}, {"command": ["b"]}]}
        first, empty, second = as_text(override(Settings(), values, "test")).splitlines()[:3]
        tables = '[{command = ["celery", "-A", "mysite"], env = {A = "1"}}, {command = ["b"]}]'
        self.assertEqual(first.split(None, 1)[1], f"= {tables}  # test")
        self.assertEqual((empty, second), ("", "[server]"))

    def test_secrets_are_not_shown(self) -> None:
        values = {"https.acme.eab_key_id": "name", "https.acme.eab_hmac_key": "c2VjcmV0"}
        text = as_text(override(Settings(), values, "test"))
        self.assertNotIn("c2VjcmV0", text)
        [line] = [line for line in text.splitlines() if "eab_hmac_key " in line]
        self.assertEqual(line.split(), ["#", "eab_hmac_key", "=", "(not", "shown)", "#", "test"])

    def test_what_is_none_stands_in_a_comment(self) -> None:
        lines = as_text(override(Settings(), {}, "test")).splitlines()
        [domain] = [line for line in lines if line.startswith("# domain ")]
        self.assertEqual(domain.split(), ["#", "domain", "=", "none", "#", "default"])

    def test_sections_come_in_the_order_of_the_schema(self) -> None:
        lines = as_text(override(Settings(), {}, "test")).splitlines()
        self.assertEqual(
            [line for line in lines if line.startswith("[")],
            [f"[{section.key}]" for section in ROOT.walk() if section.key],
        )

    def test_a_source_cannot_end_its_comment(self) -> None:
        loaded = override(Settings(), {"server.port": 1}, "a\nb.toml")
        self.assertEqual(tomllib.loads(as_text(loaded))["server"]["port"], 1)
        self.assertIn('# "a\\nb.toml"', as_text(loaded))


class AsMarkdownTests(UnitTestCase):
    def rows(self) -> dict[str, str]:
        """What is in no section comes last here."""
        fields = sorted(FIELDS.values(), key=lambda field: not field.section)
        rows = [line for line in as_markdown().splitlines() if line.startswith("| `")]
        return {field.key: row for field, row in zip(fields, rows, strict=True)}

    def test_every_key_has_a_row_with_its_variable_and_description(self) -> None:
        for key, row in self.rows().items():
            field = FIELDS[key]
            self.assertTrue(row.startswith(f"| `{field.name}` |"), row)
            self.assertIn(f"`{field.environment}`", row)
            self.assertTrue(row.endswith(f" {field.description} |"), row)

    def test_every_option_stands_beside_its_key(self) -> None:
        by_key = self.rows()
        for option in OPTIONS:
            self.assertIn(f"`{option.usage}`".replace("|", "\\|"), by_key[option.key])
            if option.short:
                self.assertIn(f"`-{option.short}`", by_key[option.key])

    def test_every_row_has_as_many_cells_as_its_head(self) -> None:
        for row in self.rows().values():
            self.assertEqual(row.replace("\\|", "").count("|"), 6, row)

    def test_sizes_are_told_in_larger_units_too(self) -> None:
        by_key = self.rows()
        self.assertIn("| an integer from 64 to 16777216 (bytes) | `65536` (64 KiB) |", by_key["http.max_header_block"])
        self.assertIn("`268435456` (256 MiB)", by_key["http.max_body"])
        self.assertIn("| `8190` |", by_key["http.max_uri"])

    def test_every_section_has_a_heading_and_its_description(self) -> None:
        text = as_markdown()
        for section in ROOT.sections.values():
            self.assertIn(f"## `{section.key}`\n\n{section.description}\n\n| key |", text)

    def test_what_is_in_no_section_has_a_heading_too_and_the_keys_of_its_tables_a_list(self) -> None:
        text = as_markdown()
        field = FIELDS["sidecars"]
        self.assertIn(f"## `sidecars`\n\n{field.description}\n\n| key |", text)
        for column in field.columns:
            self.assertRegex(text, rf"(?m)^- `{column.name}`: .*; (?:required|default .+)\. {column.description}$")
        self.assertNotIn("## ``", text)

    def test_the_reference_is_the_same_every_time(self) -> None:
        self.assertEqual(as_markdown(), as_markdown())
